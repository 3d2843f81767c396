#include "engine/chat_session.h"

#include <optional>

#include "base/error.h"
#include "base/json.h"

namespace ridge {

struct ChatSession::Data {
  Generator& generator;
  std::optional<ChatTemplate> form;
  OrderedJson variables;
  OrderedJson messages = OrderedJson::array();
};

namespace {

OrderedJson message(const char* role, const std::string& content) {
  return OrderedJson{{"role", role}, {"content", content}};
}

bool has_system(const OrderedJson& messages) { return !messages.empty() && messages[0]["role"] == "system"; }

// Tokens kept free for an answer, so that a conversation that just fits is not answered with two words.
int64_t room_for_answer(int64_t context, int64_t max_tokens) {
  const int64_t room = std::min<int64_t>(256, context / 4);
  return max_tokens >= 0 ? std::min(room, max_tokens) : room;
}

}  // namespace

void add_special_tokens(OrderedJson& variables, const Tokenizer& tokenizer) {
  const SpecialIds& s = tokenizer.special();
  const auto add = [&](const char* name, const std::optional<int32_t>& id) {
    if (id && !variables.contains(name)) variables[name] = std::string(tokenizer.piece(*id));
  };
  add("bos_token", s.bos), add("eos_token", s.eos), add("unk_token", s.unk), add("pad_token", s.pad);
  if (!variables.contains("bos_token")) variables["bos_token"] = "";
  if (!variables.contains("eos_token")) variables["eos_token"] = "";
}

ChatSession::ChatSession(Generator& generator, const std::string& source, const std::string& name,
                         const OrderedJson& variables)
    : d_(new Data{generator, {}, variables}) {
  if (!source.empty()) d_->form.emplace(source, name);
  add_special_tokens(d_->variables, generator.tokenizer());
}

ChatSession::~ChatSession() = default;

std::string ChatSession::render(bool generation_prompt) const {
  if (!d_->form) {
    std::string text;
    for (const auto& m : d_->messages)
      text += m["content"].get<std::string>() + (m["role"] == "user" ? "" : "\n\n");
    return text;
  }
  OrderedJson variables = d_->variables;
  variables["messages"] = d_->messages;
  variables["add_generation_prompt"] = generation_prompt;
  return d_->form->render(variables);
}

std::vector<int32_t> ChatSession::encode(const std::string& text) const {
  // A template writes its special tokens itself.
  return d_->generator.tokenizer().encode(text, {!d_->form, d_->form.has_value()});
}

int64_t ChatSession::tokens() const {
  return d_->messages.empty() ? 0 : static_cast<int64_t>(encode(render(false)).size());
}

const OrderedJson& ChatSession::messages() const { return d_->messages; }

ChatSession::Reply ChatSession::reply(const std::string& user, const GenerateOptions& options,
                                      const OnText& on_text) {
  Reply reply;
  const OrderedJson before = d_->messages;
  try {
    d_->messages.push_back(message("user", user));
    const int64_t context = d_->generator.context();
    const int64_t most = context - room_for_answer(context, options.max_tokens);
    std::vector<int32_t> ids = encode(render(true));
    while (static_cast<int64_t>(ids.size()) > most) {
      const size_t first = has_system(d_->messages) ? 1 : 0;
      if (d_->messages.size() <= first + 1)
        fail(Fault::usage, "the message needs {} tokens; a context of {} has room for {}", ids.size(),
             context, most);
      // A question goes with its answer: templates ask that roles alternate.
      do {
        d_->messages.erase(first);
        ++reply.dropped;
      } while (d_->messages.size() > first + 1 && d_->messages[first]["role"] != "user");
      ids = encode(render(true));
    }
    GenerateOptions o = options;
    if (!d_->form) o.stop.push_back("\n\n");
    reply.result = d_->generator.generate(ids, o, on_text);
    d_->messages.push_back(message("assistant", reply.result.text));
  } catch (...) {
    d_->messages = before;
    throw;
  }
  return reply;
}

void ChatSession::set_system(const std::string& text) {
  if (has_system(d_->messages)) d_->messages.erase(0);
  if (!text.empty()) d_->messages.insert(d_->messages.begin(), message("system", text));
}

std::string ChatSession::system() const {
  return has_system(d_->messages) ? d_->messages[0]["content"].get<std::string>() : "";
}

void ChatSession::reset() {
  const std::string keep = system();
  d_->messages = OrderedJson::array();
  set_system(keep);
}

std::string ChatSession::save() const {
  return OrderedJson{{"messages", d_->messages}}.dump(2, ' ', false, OrderedJson::error_handler_t::replace) +
         "\n";
}

void ChatSession::load(const std::string& text, const std::string& what) {
  const OrderedJson j = parse_ordered_json(text, what);
  const OrderedJson* list = &j;
  if (j.is_object() && j.contains("messages")) list = &j["messages"];
  if (!list->is_array()) fail(Fault::file, "{}: no list of messages", what);
  for (const auto& m : *list)
    if (!m.is_object() || !m.contains("role") || !m["role"].is_string() || !m.contains("content") ||
        !m["content"].is_string())
      fail(Fault::file, "{}: a message without role or content", what);
  d_->messages = *list;
}

}  // namespace ridge
