// Reading lines from a person (with editing and history) or from a pipe (plainly).
#pragma once
#include <memory>
#include <optional>
#include <string>

namespace ridge {

class LineReader {
 public:
  // `history_file`: where history is kept between sessions; "" in memory alone. It is only read and written
  // where standard input and output are a terminal.
  explicit LineReader(const std::string& history_file);
  ~LineReader();

  bool interactive() const;
  // The next line without its end; nothing at the end of the input. A line ended by a backslash goes on in
  // the next. Ctrl-C takes back what was typed: the line is then empty.
  std::optional<std::string> read(const std::string& prompt);

 private:
  std::optional<std::string> read_one(const std::string& prompt);
  struct Data;
  std::unique_ptr<Data> d_;
};

// $XDG_STATE_HOME/ridge/history, else ~/.local/state/ridge/history; "" where there is no home.
std::string history_path();

}  // namespace ridge
