// Runs the program that was built, in a folder of its own that has what the examples of its help texts name.
#pragma once
#include <functional>
#include <string>
#include <vector>

namespace ridge::testing {

struct Ran {
  int code = -1;             // exit code
  int signal = 0;            // that ended it, or 0
  bool interrupted = false;  // SIGINT was sent, and it was still running
  std::string out, err;
};

struct RunOptions {
  std::string in;                // standard input
  std::vector<std::string> env;  // NAME=VALUE, besides the environment
  std::function<bool(const std::string&)>
      interrupt_when;  // SIGINT as soon as this is true of its standard output
  int seconds = 240;   // then it is killed, and the signal says so
};

// ridge with these arguments; RIDGE_MODEL is the small trained model.
Ran ridge(const std::vector<std::string>& arguments, const RunOptions& options = {});
// A line of shell in the same surroundings; `ridge` is in PATH.
Ran shell(const std::string& line, const RunOptions& options = {});

// The folder: model.gguf (with a chat template), model-folder, llama.gguf, tests (the source's), texts,
// chat.json, chat.jinja, tokenizer.json. Made once, removed at the end.
const std::string& scratch();

std::vector<std::string> lines(const std::string& text);
// Names of all commands, from `ridge --help`.
std::vector<std::string> commands();

}  // namespace ridge::testing
