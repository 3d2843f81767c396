// ridge completion: scripts that complete commands, options, choices and files in a shell, out of what the
// commands declare.
#include <fmt/format.h>

#include "cli/parser.h"

namespace ridge {
namespace {

struct Described {
  const Command* command;
  std::vector<OptionSpec> specs;
};

std::vector<Described> describe() {
  std::vector<Described> all;
  for (const Command* c : commands_in_order()) {
    const OptionParser parser(*c);
    all.push_back({c, parser.specs()});
  }
  return all;
}

bool names_files(const OptionSpec& s) {
  return s.hint == OptionSpec::Hint::file || s.hint == OptionSpec::Hint::folder ||
         s.hint == OptionSpec::Hint::model;
}

std::string names_of(const Described& d) {
  std::string words;
  for (const auto& s : d.specs)
    if (!s.argument)
      for (const auto& n : split_names(s.names)) words += (words.empty() ? "" : " ") + n;
  return words;
}

void bash(const std::vector<Described>& all) {
  std::string commands;
  for (const auto& d : all) commands += std::string(d.command->name) + " ";
  fmt::print(
      "# bash completion of ridge: source this, or put it into /etc/bash_completion.d\n"
      "_ridge() {{\n"
      "  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}\n"
      "  COMPREPLY=()\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W \"{}help --help --version\" -- \"$word\"))\n"
      "    return\n"
      "  fi\n"
      "  case ${{COMP_WORDS[1]}} in\n",
      commands);
  for (const auto& d : all) {
    fmt::print("    {})\n      case $before in\n", d.command->name);
    for (const auto& s : d.specs) {
      if (s.argument || s.placeholder.empty()) continue;
      fmt::print("        {}) ", fmt::join(split_names(s.names), "|"));
      if (!s.choices.empty())
        fmt::print("COMPREPLY=($(compgen -W \"{}\" -- \"$word\")); return ;;\n", fmt::join(s.choices, " "));
      else if (names_files(s))
        fmt::print("COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n");
      else
        fmt::print("return ;;\n");
    }
    std::string choices;
    for (const auto& s : d.specs)
      if (s.argument && !s.choices.empty()) choices = fmt::format("{}", fmt::join(s.choices, " "));
    fmt::print(
        "      esac\n"
        "      case $word in\n"
        "        -*) COMPREPLY=($(compgen -W \"{}\" -- \"$word\")) ;;\n"
        "        *) COMPREPLY=($(compgen {} -- \"$word\")) ;;\n"
        "      esac ;;\n",
        names_of(d), choices.empty() ? "-f" : "-W \"" + choices + "\"");
  }
  fmt::print(
      "    help) COMPREPLY=($(compgen -W \"{}\" -- \"$word\")) ;;\n  esac\n}}\n"
      "complete -o filenames -F _ridge ridge\n",
      commands);
}

// Inside '...' of zsh's _arguments: quotes, brackets and colons end the parts of a specification.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'')
      out += "'\\''";
    else if (c == '[' || c == ']' || c == ':')
      out += std::string("\\") + c;
    else
      out += c;
  }
  return out;
}

std::string zsh_action(const OptionSpec& s) {
  if (!s.choices.empty()) return fmt::format("({})", fmt::join(s.choices, " "));
  if (s.hint == OptionSpec::Hint::folder) return "_files -/";
  return names_files(s) ? "_files" : "";
}

void zsh(const std::vector<Described>& all) {
  fmt::print("#compdef ridge\n_ridge() {{\n  local -a commands\n  commands=(\n");
  for (const auto& d : all) fmt::print("    '{}:{}'\n", d.command->name, zsh_text(d.command->summary));
  fmt::print(
      "  )\n  if (( CURRENT == 2 )); then\n    _describe command commands\n    return\n  fi\n"
      "  local name=${{words[2]}}\n  shift words\n  (( CURRENT-- ))\n  case $name in\n");
  for (const auto& d : all) {
    fmt::print("    {})\n      _arguments", d.command->name);
    for (const auto& s : d.specs) {
      if (s.argument) {
        fmt::print(" \\\n        '{}:{}:{}'", s.repeats ? "*" : "", zsh_text(s.names), zsh_action(s));
        continue;
      }
      for (const auto& n : split_names(s.names)) {
        fmt::print(" \\\n        '{}{}[{}]", s.repeats ? "*" : "", n, zsh_text(s.help));
        if (!s.placeholder.empty()) fmt::print(":{}:{}", zsh_text(s.placeholder), zsh_action(s));
        fmt::print("'");
      }
    }
    fmt::print(" ;;\n");
  }
  fmt::print("  esac\n}}\n_ridge \"$@\"\n");
}

std::string fish_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

void fish(const std::vector<Described>& all) {
  fmt::print(
      "# fish completion of ridge: put it into ~/.config/fish/completions/ridge.fish\n"
      "complete -c ridge -n __fish_use_subcommand -f\n");
  for (const auto& d : all)
    fmt::print("complete -c ridge -n __fish_use_subcommand -a {} -d '{}'\n", d.command->name,
               fish_text(d.command->summary));
  for (const auto& d : all)
    for (const auto& s : d.specs) {
      if (s.argument) {
        if (!s.choices.empty())
          fmt::print("complete -c ridge -n '__fish_seen_subcommand_from {}' -f -a '{}'\n", d.command->name,
                     fmt::join(s.choices, " "));
        continue;
      }
      fmt::print("complete -c ridge -n '__fish_seen_subcommand_from {}'", d.command->name);
      for (const auto& n : split_names(s.names))
        fmt::print(" -{} {}", n.size() == 2 ? 's' : 'l', n.substr(n.size() == 2 ? 1 : 2));
      if (!s.choices.empty())
        fmt::print(" -x -a '{}'", fmt::join(s.choices, " "));
      else if (names_files(s))
        fmt::print(" -r -F");
      else if (!s.placeholder.empty())
        fmt::print(" -x");
      fmt::print(" -d '{}'\n", fish_text(s.help));
    }
}

int completion(const std::string& shell) {
  const auto all = describe();
  if (shell == "bash")
    bash(all);
  else if (shell == "zsh")
    zsh(all);
  else
    fish(all);
  return 0;
}

}  // namespace
namespace tables {
extern const Command command_completion;
const Command command_completion{
    "completion",
    "prints a script that completes commands in a shell",
    "For bash, zsh or fish.",
    kMachineGroup,
    "ridge completion bash > ridge.bash\n"
    "ridge completion zsh > _ridge\n"
    "ridge completion fish > ridge.fish",
    [](Options& o) -> CommandRun {
      auto shell = std::make_shared<std::string>();
      o.argument(*shell, "SHELL", "the shell", true, Options::Hint::choice, {"bash", "zsh", "fish"});
      return [shell] { return completion(*shell); };
    }};
}  // namespace tables
}  // namespace ridge
