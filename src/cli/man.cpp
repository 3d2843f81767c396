// ridge man: the manual page, in roff, out of what the commands declare.
#include <fmt/format.h>

#include <sstream>

#include "cli/parser.h"

namespace ridge {
namespace {

// Text for roff: backslashes, hyphens and leading dots or quotes have a meaning there.
std::string roff(const std::string& text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
    line_start = c == '\n';
  }
  return out;
}

std::string option_item(const OptionSpec& s) {
  std::string item = ".TP\n";
  const auto names = s.argument ? std::vector<std::string>{} : split_names(s.names);
  if (s.argument)
    item += ".I " + roff(s.names) + (s.repeats ? " ..." : "");
  else
    for (size_t i = 0; i < names.size(); ++i) item += (i ? ", \\fB" : "\\fB") + roff(names[i]) + "\\fR";
  if (!s.argument && !s.placeholder.empty()) item += " \\fI" + roff(s.placeholder) + "\\fR";
  std::string help = s.help;
  if (!s.choices.empty()) help += fmt::format(": {}", fmt::join(s.choices, ", "));
  if (!s.initial.empty() && s.help.find("default") == std::string::npos)
    help += " (default: " + s.initial + ")";
  return item + "\n" + roff(help) + "\n";
}

std::string command_section(const Command& c) {
  const OptionParser parser(c);
  std::string s =
      fmt::format(".SS {}\n{}\n.PP\n.nf\n{}\n.fi\n", roff(c.name), roff(c.summary), roff(usage_line(parser)));
  std::istringstream paragraphs(c.description);
  for (std::string p; std::getline(paragraphs, p);)
    if (!p.empty()) s += ".PP\n" + roff(p) + "\n";
  for (const auto& o : parser.specs()) s += option_item(o);
  if (*c.examples) s += fmt::format(".PP\nExamples:\n.PP\n.nf\n.RS\n{}\n.RE\n.fi\n", roff(c.examples));
  return s;
}

int man() {
  fmt::print(
      ".TH RIDGE 1 \"\" \"ridge {0}\" \"User Commands\"\n.SH NAME\nridge \\- runs language models and says "
      "what they "
      "cost\n.SH SYNOPSIS\n.B ridge\n.I COMMAND\n[OPTIONS] [ARGUMENTS]\n.SH DESCRIPTION\n"
      "MODEL is a GGUF file, a Hugging Face folder, a safetensors file or a llama2.c .bin; without one the "
      "model that "
      "ridge comes with is taken.\n.SH COMMANDS\n",
      RIDGE_VERSION);
  for (const Command* c : commands_in_order()) fmt::print("{}", command_section(*c));
  fmt::print(
      ".SH EXIT STATUS\n.TP\n0\ndone\n.TP\n1\na check failed\n.TP\n2\nwrong usage\n.TP\n3\na file that "
      "cannot be "
      "used\n.SH ENVIRONMENT\n.TP\nRIDGE_MODEL\nthe model that commands take where none is "
      "named\n.TP\nRIDGE_ISA\n"
      "masks instruction sets above a level: generic, avx2, avx512, avx512vnni, avx512bf16, amx\n"
      ".SH FILES\n.TP\n$XDG_CONFIG_HOME/ridge/machine.json\nthe machine profile of \\fBridge calibrate\\fR\n"
      ".TP\n$XDG_STATE_HOME/ridge/history\nwhat was typed in \\fBridge chat\\fR\n");
  return 0;
}

}  // namespace
namespace tables {
extern const Command command_man;
const Command command_man{
    "man",         "prints the manual page", "In roff, for man(1).",
    kMachineGroup, "ridge man > ridge.1",    [](Options&) -> CommandRun { return man; }};
}  // namespace tables
}  // namespace ridge
