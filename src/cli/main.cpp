// The command line: finds the command, reads its options, runs it, and turns errors into one line and an exit
// code.
#include <csignal>
#include <cstdio>
#include <new>
#include <system_error>

#include "base/error.h"
#include "cli/parser.h"

namespace {

using namespace ridge;

const Command& command_named(const std::string& name) {
  if (const Command* c = find_command(name)) return *c;
  std::vector<std::string> known{"help", "--help", "--version"};
  for (const Command* c : command_table()) known.emplace_back(c->name);
  const std::string near = nearest(name, known);
  fail(Fault::usage, "unknown {} {}{}", name[0] == '-' ? "option" : "command", printable(name),
       near.empty() ? "; `ridge --help` lists what there is" : "; did you mean " + near + "?");
}

int run(std::vector<std::string> arguments, std::string& what) {
  if (arguments.empty() || arguments[0] == "-h" || arguments[0] == "--help" ||
      (arguments[0] == "help" && arguments.size() == 1)) {
    fmt::print("{}", general_help());
    return 0;
  }
  if (arguments[0] == "-V" || arguments[0] == "--version") {
    fmt::print("ridge {}\n", RIDGE_VERSION);
    return 0;
  }
  if (arguments[0] == "help") {
    arguments.erase(arguments.begin());
    arguments.resize(1);
    arguments.emplace_back("--help");
  }
  if (arguments[0].empty()) fail(Fault::usage, "an empty command; `ridge --help` lists what there is");
  const Command& command = command_named(arguments[0]);
  what = fmt::format("ridge {}", command.name);
  OptionParser parser(command);
  if (!parser.parse({arguments.begin() + 1, arguments.end()})) {
    fmt::print("{}", help_text(parser));
    return 0;
  }
  return parser.run()();
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE,
              SIG_DFL);  // `ridge ... | head` ends without a word, even where a parent ignores the signal
  std::string what = "ridge";
  int code = 0;
  try {
    code = run({argv + 1, argv + argc}, what);
  } catch (const Error& e) {
    std::fflush(stdout);
    fmt::print(stderr, "{}: {}\n", what, e.what());
    return static_cast<int>(e.fault());
  } catch (const std::bad_alloc&) {
    std::fflush(stdout);
    fmt::print(stderr, "{}: not enough memory\n", what);
    return static_cast<int>(Fault::check);
  } catch (const std::system_error& e) {  // fmt::print, where a write fails
    fmt::print(stderr, "{}: the output could not be written: {}\n", what, e.what());
    return static_cast<int>(Fault::check);
  } catch (const std::exception& e) {
    std::fflush(stdout);
    fmt::print(stderr, "{}: internal error: {}\n", what, e.what());
    return static_cast<int>(Fault::check);
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
    fmt::print(stderr, "{}: the output could not be written\n", what);
    return static_cast<int>(Fault::check);
  }
  return code;
}
