// ridge chat: a conversation in the terminal.
#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/line_support.h"
#include "cli/model_support.h"
#include "engine/chat_session.h"

namespace ridge {
namespace {

constexpr int64_t kDefaultContext = 8192;

constexpr const char* kHelp =
    "/help                this list\n"
    "/system [TEXT]       set or take away the system message\n"
    "/reset               forget the conversation, keep the system message\n"
    "/save FILE           write the conversation as JSON\n"
    "/load FILE           read one\n"
    "/set [NAME VALUE]    temperature, top-k, top-p, min-p, repeat-penalty, tokens, seed; alone: show them\n"
    "/tokens              how much of the context the conversation takes\n"
    "/quit                end (Ctrl-D too)\n"
    "Ctrl-C stops an answer. A line that ends with a backslash goes on in the next.\n";

struct ChatCommand {
  ModelOptions model;
  SamplingOptions sampling;
  std::string system, form;
  std::vector<std::string> variables;
  int64_t tokens = -1;
  bool no_history = false;

  void add(Options& o) {
    model.add_model(o, " (default: the one that Ridge comes with)");
    o.text(system, "--system", "TEXT", "the system message");
    o.text(form, "--template", "FILE", "take this Jinja chat template instead of the model's",
           Options::Hint::file);
    o.texts(variables, "--variable", "NAME=VALUE", "a variable for the template (enable_thinking=false)");
    o.integer(tokens, "-n,--tokens", -1, int64_t{1} << 31, "N", "tokens of an answer at most; -1: no limit");
    sampling.add(o);
    o.flag(no_history, "--no-history", "do not keep what is typed between sessions");
    model.add_machine(o);
    model.add_state(o, "f16", "tokens of the conversation (default: the model's, at most 8192)");
  }
};

class Chat {
 public:
  Chat(const ChatCommand& o, const OpenedModel& opened, Generator& generator, ChatSession& session,
       bool interactive)
      : session_(session), generator_(generator), interactive_(interactive) {
    options_.max_tokens = o.tokens;
    options_.sampler = o.sampling.resolved();
    options_.end_ids = extra_ends(opened);
    options_.cancel = interrupt_.flag();
    base_seed_ = options_.sampler.seed;
  }

  // False where the chat ends.
  bool line(const std::string& text) {
    interrupt_.clear();
    if (text.find_first_not_of(" \t\n") == std::string::npos) return true;
    try {
      if (text[0] == '/') return command(text);
      answer(text);
    } catch (const Error& e) {
      if (!interactive_) throw;
      fmt::print(stderr, "{}\n", e.what());
    }
    return true;
  }

 private:
  void answer(const std::string& text) {
    options_.sampler.seed = base_seed_ + turns_++;
    const auto reply = session_.reply(text, options_, [](const std::string& s) {
      std::fwrite(s.data(), 1, s.size(), stdout);
      if (std::fflush(stdout) != 0) fail(Fault::check, "the output could not be written");
    });
    std::fputc('\n', stdout);
    std::fflush(stdout);
    const GenerateResult& r = reply.result;
    if (reply.dropped)
      fmt::print(stderr, "(the context is full: the {} oldest messages were left out)\n", reply.dropped);
    if (r.reason == StopReason::context)
      fmt::print(stderr, "(the context of {} tokens is full)\n", generator_.context());
    if (!interactive_) return;
    fmt::print(stderr, "\033[2m[{} + {} tokens; prompt {:.0f} tok/s, answer {:.1f} tok/s{}]\033[0m\n",
               r.prompt_tokens, r.ids.size(), r.prompt_rate(), r.decode_rate(),
               r.reason == StopReason::cancelled ? "; stopped" : "");
  }

  bool command(const std::string& text) {
    const size_t blank = text.find(' ');
    const std::string name = text.substr(1, blank == std::string::npos ? blank : blank - 1);
    std::string rest = blank == std::string::npos
                           ? ""
                           : text.substr(text.find_first_not_of(' ', blank) == std::string::npos
                                             ? text.size()
                                             : text.find_first_not_of(' ', blank));
    while (!rest.empty() && rest.back() == ' ') rest.pop_back();
    if (name == "quit" || name == "exit" || name == "q") return false;
    if (name == "help" || name == "?") {
      fmt::print("{}", kHelp);
    } else if (name == "system") {
      session_.set_system(rest);
      fmt::print("{}\n", rest.empty() ? "no system message" : "the system message is set");
    } else if (name == "reset") {
      session_.reset();
      fmt::print("the conversation is forgotten\n");
    } else if (name == "save" || name == "load") {
      if (rest.empty()) fail(Fault::usage, "/{} needs a file", name);
      if (name == "save")
        write_file(rest, session_.save());
      else
        session_.load(read_file(rest, size_t{1} << 28), rest);
      fmt::print("{} messages {} {}\n", session_.messages().size(),
                 name == "save" ? "written to" : "read from", rest);
    } else if (name == "set") {
      set(rest);
    } else if (name == "tokens") {
      fmt::print("{} of {} tokens\n", session_.tokens(), generator_.context());
    } else {
      fail(Fault::usage, "no command /{}; /help lists them", printable(name));
    }
    std::fflush(stdout);
    return true;
  }

  static double number(const std::string& text, double low, double high) {
    char* end = nullptr;
    const double v = std::strtod(text.c_str(), &end);
    if (text.empty() || *end || !(v >= low && v <= high))
      fail(Fault::usage, "{} is no number from {} to {}", printable(text), low, high);
    return v;
  }

  void set(const std::string& text) {
    SamplerOptions& s = options_.sampler;
    if (text.empty()) {
      fmt::print("temperature {}, top-k {}, top-p {}, min-p {}, repeat-penalty {}, tokens {}, seed {}\n",
                 s.temperature, s.top_k, s.top_p, s.min_p, s.repeat_penalty, options_.max_tokens, base_seed_);
      return;
    }
    const size_t blank = text.find(' ');
    const std::string name = text.substr(0, blank),
                      value = blank == std::string::npos ? "" : text.substr(blank + 1);
    if (name == "temperature")
      s.temperature = number(value, 0, 100);
    else if (name == "top-k")
      s.top_k = static_cast<int64_t>(number(value, 0, 1 << 24));
    else if (name == "top-p")
      s.top_p = number(value, 0, 1);
    else if (name == "min-p")
      s.min_p = number(value, 0, 1);
    else if (name == "repeat-penalty")
      s.repeat_penalty = number(value, 0.01, 100);
    else if (name == "tokens")
      options_.max_tokens = static_cast<int64_t>(number(value, -1, 1e9));
    else if (name == "seed")
      base_seed_ = static_cast<uint64_t>(number(value, 0, 1e15)), turns_ = 0;
    else
      fail(Fault::usage,
           "/set: no {} (there are temperature, top-k, top-p, min-p, repeat-penalty, tokens, seed)",
           printable(name));
  }

  ChatSession& session_;
  Generator& generator_;
  bool interactive_;
  InterruptFlag interrupt_{InterruptFlag::Second::same};
  GenerateOptions options_;
  uint64_t base_seed_ = 0, turns_ = 0;
};

int chat(const ChatCommand& o) {
  const std::string path = o.model.path();
  const OpenedModel opened = open_model(path);
  GeneratorOptions g;
  const int64_t most = opened.model->size().context;
  g.context = o.model.context > 0 ? o.model.context
              : most > 0          ? std::min(most, kDefaultContext)
                                  : kDefaultContext;
  g.kv = o.model.kv_type();
  g.context_options = o.model.context_options();
  Generator generator(*opened.model, opened.text(), g);
  const std::string form =
      o.form.empty() ? chat_template_of(opened.checkpoint) : read_file(o.form, size_t{4} << 20);
  ChatSession session(generator, form, o.form.empty() ? path : o.form, template_variables(o.variables));
  if (!o.system.empty()) session.set_system(o.system);
  LineReader reader(o.no_history ? "" : history_path());
  Chat chat(o, opened, generator, session, reader.interactive());
  if (reader.interactive())
    fmt::print("{}, a context of {} tokens; /help lists commands, Ctrl-D ends\n", path, generator.context());
  if (form.empty())
    fmt::print(stderr,
               "(the model has no chat template: it writes each message on, to the end of a paragraph)\n");
  std::fflush(stdout);
  while (const auto line = reader.read("> "))
    if (!chat.line(*line)) break;
  return 0;
}

}  // namespace
namespace tables {
extern const Command command_chat;
const Command command_chat{"chat",
                           "talks with a model in the terminal",
                           "Lines are edited as in a shell and remembered between sessions; /help lists "
                           "commands. Ctrl-C stops an answer, not the "
                           "program. From a pipe each line is a message, and only the answers are printed.",
                           kTextGroup,
                           "ridge chat model.gguf\n"
                           "ridge chat model.gguf --system \"Answer in one sentence.\" --temperature 0.3\n"
                           "echo \"Once upon a time there was a fox.\" | ridge chat --seed 1 -n 32",
                           [](Options& o) -> CommandRun {
                             auto options = std::make_shared<ChatCommand>();
                             options->add(o);
                             return [options] { return chat(*options); };
                           }};
}  // namespace tables
}  // namespace ridge
