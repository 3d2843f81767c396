// The parser of one command: CLI11's App with a description of everything that was declared.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"

namespace CLI {
class App;
}

namespace ridge {

class OptionParser {
 public:
  explicit OptionParser(const Command& command);
  ~OptionParser();
  OptionParser(const OptionParser&) = delete;
  OptionParser& operator=(const OptionParser&) = delete;

  // Reads the arguments after the command's name into the declared variables. Throws Error(Fault::usage).
  // False where help was asked for.
  bool parse(const std::vector<std::string>& arguments);

  const Command& command() const { return command_; }
  const std::vector<OptionSpec>& specs() const { return specs_; }  // "-h,--help" among them
  const CommandRun& run() const { return run_; }

 private:
  friend class Options;
  const Command& command_;
  std::unique_ptr<CLI::App> app_;
  std::vector<OptionSpec> specs_;
  CommandRun run_;
};

const Command* find_command(const std::string& name);  // null where there is none
std::vector<const Command*> commands_in_order();       // by group, then as users meet them
const char* group_title(CommandGroup group);

std::string usage_line(const OptionParser& parser);  // "ridge run [OPTIONS] [MODEL]"
std::string help_text(const OptionParser& parser);
std::string general_help();

// The nearest of `known` to what was typed, or "" where none is near.
std::string nearest(const std::string& typed, const std::vector<std::string>& known);

// The names of an option: {"-n", "--tokens"}.
std::vector<std::string> split_names(const std::string& names);

}  // namespace ridge
