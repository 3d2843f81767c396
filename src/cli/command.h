// A command of the command line: one file src/cli/NAME.cpp defines `const Command tables::command_NAME`; the
// table is generated from the file names. Parsing, help, shell completion and the man page all come from what
// add() declares.
//
//   namespace ridge::tables {
//   extern const Command command_calibrate;
//   const Command command_calibrate{
//       "calibrate", "Measures this machine", "Longer text, in paragraphs.", kMachineGroup,
//       "ridge calibrate\n"                                 // examples: one a line, "# ..." lines explain
//       "ridge calibrate --json",
//       [](Options& o) -> CommandRun {
//         auto threads = std::make_shared<int>(0);          // outlives add(): captured by the function
//         returned o.integer(*threads, "-t,--threads", 0, 1024, "N", "threads (default: one a core)"); return
//         [=] { ...; return 0; };                    // the exit code; errors throw ridge::Error
//       }};
//   }
//
// This header does without CLI11's: only options_support.cpp compiles it.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ridge {

// What the command line accepts at one place; for help, completion and the man page.
struct OptionSpec {
  enum class Hint { none, file, folder, model, choice };
  std::string names;        // "-n,--tokens"; an argument's is its placeholder, "MODEL"
  std::string placeholder;  // "N"; "" for a flag
  std::string help;
  std::string initial;  // the value without the option, "" where there is nothing to say
  std::vector<std::string> choices;
  Hint hint = Hint::none;
  bool argument = false;  // by place, not by name
  bool required = false;
  bool repeats = false;
};

class OptionParser;  // CLI11's App, in options_support.cpp

// Declares options on the parser of one command. Variables keep their value where the option is not given;
// they have to live until the command has run. Values out of range are usage errors that name option, value
// and range.
class Options {
 public:
  explicit Options(OptionParser& parser) : parser_(parser) {}

  void flag(bool& v, const std::string& names, const std::string& help);
  void integer(int& v, const std::string& names, int64_t low, int64_t high, const std::string& placeholder,
               const std::string& help);
  void integer(int64_t& v, const std::string& names, int64_t low, int64_t high,
               const std::string& placeholder, const std::string& help);
  void integer(uint64_t& v, const std::string& names, const std::string& placeholder,
               const std::string& help);
  void real(double& v, const std::string& names, double low, double high, const std::string& placeholder,
            const std::string& help);
  using Hint = OptionSpec::Hint;
  void text(std::string& v, const std::string& names, const std::string& placeholder, const std::string& help,
            Hint hint = Hint::none);
  void texts(std::vector<std::string>& v, const std::string& names, const std::string& placeholder,
             const std::string& help, Hint hint = Hint::none);  // may be given several times
  void choice(std::string& v, const std::string& names, const std::vector<std::string>& choices,
              const std::string& placeholder, const std::string& help);
  // By place, in the order of declaration.
  void argument(std::string& v, const std::string& placeholder, const std::string& help, bool required,
                Hint hint = Hint::none, const std::vector<std::string>& choices = {});
  void arguments(std::vector<std::string>& v, const std::string& placeholder, const std::string& help,
                 bool required, Hint hint = Hint::none);

  // Once parsed: whether the user gave it ("--tokens").
  std::function<bool()> given(const std::string& name) const;

 private:
  OptionParser& parser_;
};

using CommandRun = std::function<int()>;  // returns the exit code

// Help lists commands by group, in this order.
enum CommandGroup { kTextGroup, kMeasureGroup, kFilesGroup, kMachineGroup };

struct Command {
  const char* name;
  const char* summary;      // one line
  const char* description;  // paragraphs apart by empty lines; for help and the man page
  CommandGroup group;
  const char* examples;  // one a line; a line that starts with '#' explains the next
  CommandRun (*add)(Options& options);
};

std::span<const Command* const> command_table();

}  // namespace ridge
