// ridge template: a chat as the model sees it.
#include <ctime>
#include <iomanip>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/model_support.h"
#include "engine/chat_session.h"
#include "text/chat_template.h"

namespace ridge {
namespace {

struct TemplateCommand {
  ModelOptions model;
  std::string form, chat = "-", name = "default", now;
  std::vector<std::string> variables;
  bool no_generation_prompt = false, source = false;

  void add(Options& o) {
    model.add_model(o, " whose template and special tokens are taken");
    o.text(chat, "--chat", "FILE",
           "JSON: a list of messages {\"role\", \"content\"}, or an object with messages, tools and other "
           "variables; - "
           "reads standard input",
           Options::Hint::file);
    o.text(form, "--template", "FILE", "take this Jinja template instead of the model's",
           Options::Hint::file);
    o.text(name, "--name", "NAME", "which of a model's templates");
    o.texts(variables, "--variable", "NAME=VALUE", "a variable for the template; VALUE is JSON or else text");
    o.text(now, "--now", "TIME", "what strftime_now tells, as \"2026-07-26 12:34:56\" (default: the clock)");
    o.flag(no_generation_prompt, "--no-generation-prompt", "do not begin the assistant's answer");
    o.flag(source, "--source", "print the template itself");
  }
};

std::tm parse_time(const std::string& text) {
  std::tm tm{};
  std::istringstream in(text);
  in >> std::get_time(&tm, "%Y-%m-%d %H:%M:%S");
  if (in.fail()) fail(Fault::usage, "--now {}: not a time like 2026-07-26 12:34:56", printable(text));
  tm.tm_isdst = -1;
  std::mktime(&tm);  // the day of the week and of the year
  return tm;
}

int render(const TemplateCommand& o) {
  OrderedJson variables = template_variables(o.variables);
  std::string text, name = o.form;
  if (!o.form.empty()) text = read_file(o.form, size_t{4} << 20);
  if (o.form.empty() || !o.model.model.empty()) {
    const std::string path = o.model.path();
    const Checkpoint checkpoint = Checkpoint::open(path);
    if (o.form.empty()) {
      text = chat_template_of(checkpoint, o.name);
      name = path;
      if (text.empty())
        fail(Fault::file, "{}: the model has no chat template{}; give one with --template FILE", path,
             o.name == "default" ? "" : " of the name " + printable(o.name));
    }
    if (!o.source) add_special_tokens(variables, tokenizer_of(checkpoint));
  }
  if (o.source) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
  }
  const OrderedJson chat = parse_ordered_json(read_input(o.chat), o.chat == "-" ? "standard input" : o.chat);
  variables["add_generation_prompt"] = !o.no_generation_prompt;
  if (chat.is_array()) {
    variables["messages"] = chat;
  } else if (chat.is_object() && chat.contains("messages")) {
    for (const auto& [key, value] : chat.items())
      if (key != "add_generation_prompt" || !o.no_generation_prompt) variables[key] = value;
  } else {
    fail(Fault::file, "{}: neither a list of messages nor an object with one", o.chat);
  }
  RenderOptions options;
  if (!o.now.empty()) options.now = parse_time(o.now);
  const std::string out = ChatTemplate(text, name).render(variables, options);
  std::fwrite(out.data(), 1, out.size(), stdout);
  return 0;
}

}  // namespace
namespace tables {
extern const Command command_template;
const Command command_template{"template",
                               "renders a chat with a model's chat template",
                               "Prints the text exactly as the model would be given it. Without --template "
                               "the model's own is taken; with it MODEL "
                               "only gives the special tokens and may be left out.",
                               kFilesGroup,
                               "echo '[{\"role\": \"user\", \"content\": \"Hi\"}]' | ridge template "
                               "--template chat.jinja\n"
                               "ridge template model.gguf --chat chat.json --no-generation-prompt\n"
                               "ridge template model.gguf --source",
                               [](Options& o) -> CommandRun {
                                 auto options = std::make_shared<TemplateCommand>();
                                 options->add(o);
                                 return [options] { return render(*options); };
                               }};
}  // namespace tables
}  // namespace ridge
