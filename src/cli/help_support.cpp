#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <sstream>

#include "cli/parser.h"

namespace ridge {
namespace {

constexpr size_t kWidth = 100, kColumn = 30;

// `text` wrapped at kWidth; lines after the first are indented. Empty lines stay.
std::string wrap(const std::string& text, size_t indent) {
  std::string out;
  std::istringstream lines(text);
  bool first_line = true;
  for (std::string line; std::getline(lines, line); first_line = false) {
    if (!first_line) out += "\n" + (line.empty() ? "" : std::string(indent, ' '));
    size_t column = indent;
    bool first = true;
    std::istringstream words(line);
    for (std::string w; words >> w; first = false) {
      if (!first && column + 1 + w.size() > kWidth) {
        out += "\n" + std::string(indent, ' ') + w;
        column = indent + w.size();
      } else {
        out += (first ? "" : " ") + w;
        column += (first ? 0 : 1) + w.size();
      }
    }
  }
  return out;
}

std::string row(const std::string& left, const std::string& right) {
  std::string s = "  " + left;
  s += s.size() + 2 > kColumn ? "\n" + std::string(kColumn, ' ') : std::string(kColumn - s.size(), ' ');
  return s + wrap(right, kColumn) + "\n";
}

std::string left_of(const OptionSpec& s) {
  if (s.argument) return s.names + (s.repeats ? " ..." : "");
  const auto names = split_names(s.names);
  std::string left = names[0].size() == 2 ? names[0] : "    " + names[0];
  for (size_t i = 1; i < names.size(); ++i) left += ", " + names[i];
  return left + (s.placeholder.empty() ? "" : " " + s.placeholder);
}

std::string right_of(const OptionSpec& s) {
  std::string right = s.help;
  if (!s.choices.empty()) right += fmt::format(": {}", fmt::join(s.choices, ", "));
  if (!s.initial.empty() && s.help.find("default") == std::string::npos)
    right += fmt::format(" (default: {})", s.initial);
  return right;
}

size_t distance(const std::string& a, const std::string& b) {  // Damerau and Levenshtein, adjacent swaps
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i)
    for (size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

}  // namespace

std::vector<std::string> split_names(const std::string& names) {
  std::vector<std::string> all;
  std::istringstream in(names);
  for (std::string n; std::getline(in, n, ',');) all.push_back(n);
  return all;
}

std::string nearest(const std::string& typed, const std::vector<std::string>& known) {
  if (typed.size() > 64) return "";
  std::string best;
  size_t least = std::min<size_t>(3, typed.size() / 2) + 1;
  for (const auto& k : known) {
    const size_t d = distance(typed, k);
    if (d < least) least = d, best = k;
  }
  if (best.empty() && typed.size() >= 3)
    for (const auto& k : known)
      if (k.rfind(typed, 0) == 0) return k;
  return best;
}

const Command* find_command(const std::string& name) {
  for (const Command* c : command_table())
    if (name == c->name) return c;
  return nullptr;
}

std::vector<const Command*> commands_in_order() {
  // Commands of a group in the order in which people meet them; others after these, by name.
  static const char* const order[] = {"run",     "chat",    "eval",     "bench",    "explain",
                                      "profile", "inspect", "convert",  "tokenize", "template",
                                      "verify",  "kernels", "calibrate"};
  const auto place = [](const Command* c) {
    return std::find_if(std::begin(order), std::end(order),
                        [&](const char* name) { return !std::strcmp(name, c->name); }) -
           std::begin(order);
  };
  std::vector<const Command*> all(command_table().begin(), command_table().end());
  std::stable_sort(all.begin(), all.end(), [&](const Command* a, const Command* b) {
    return a->group != b->group ? a->group < b->group : place(a) < place(b);
  });
  return all;
}

const char* group_title(CommandGroup group) {
  switch (group) {
    case kTextGroup:
      return "Text";
    case kMeasureGroup:
      return "Measuring and pricing";
    case kFilesGroup:
      return "Files";
    default:
      return "The machine and this program";
  }
}

std::string usage_line(const OptionParser& parser) {
  std::string s = fmt::format("ridge {} [OPTIONS]", parser.command().name);
  for (const auto& o : parser.specs())
    if (o.argument) {
      const std::string name = o.names + (o.repeats ? " ..." : "");
      s += o.required ? " " + name : " [" + name + "]";
    }
  return s;
}

std::string help_text(const OptionParser& parser) {
  const Command& c = parser.command();
  std::string s = fmt::format("ridge {}: {}\n\nUsage: {}\n", c.name, c.summary, usage_line(parser));
  if (*c.description) s += "\n" + wrap(c.description, 0) + "\n";
  std::string arguments, options;
  for (const auto& o : parser.specs()) (o.argument ? arguments : options) += row(left_of(o), right_of(o));
  if (!arguments.empty()) s += "\nArguments:\n" + arguments;
  s += "\nOptions:\n" + options;
  if (*c.examples) {
    s += "\nExamples:\n";
    std::istringstream lines(c.examples);
    for (std::string line; std::getline(lines, line);) s += "  " + line + "\n";
  }
  return s;
}

std::string general_help() {
  std::string s =
      "ridge: runs language models on this machine, and says what they cost\n\n"
      "Usage: ridge COMMAND [OPTIONS] [ARGUMENTS]\n";
  int group = -1;
  for (const Command* c : commands_in_order()) {
    if (c->group != group) s += fmt::format("\n{}:\n", group_title(c->group));
    group = c->group;
    s += row(c->name, c->summary);
  }
  s += "\nOptions:\n" + row("-h, --help", "show this text; `ridge COMMAND --help` shows a command's") +
       row("-V, --version", "show the version") +
       "\nMODEL is a GGUF file, a Hugging Face folder, a safetensors file or a llama2.c .bin; without one "
       "the\n"
       "model that Ridge comes with is taken (or the one that RIDGE_MODEL names).\n"
       "Exit codes: 0 done, 1 a check failed, 2 wrong usage, 3 a file that cannot be used.\n"
       "\nExamples:\n"
       "  ridge run\n"
       "  ridge run model.gguf -p \"The capital of France is\" -n 16\n"
       "  ridge explain llama-3-70b --weights q4_k\n";
  return s;
}

}  // namespace ridge
