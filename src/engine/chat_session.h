// A conversation: messages rendered by the model's chat template, answered, and remembered; what the next
// rendering has in common with the state is not computed again.
#pragma once
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/generator.h"
#include "text/chat_template.h"

namespace ridge {

class ChatSession {
 public:
  // `source`: the template's text; "" renders plain text, for models that know no chat: each answer writes
  // its message on to the end of the paragraph. `variables` (an object) are given to the template besides
  // messages and special tokens.
  ChatSession(Generator& generator, const std::string& source, const std::string& name,
              const nlohmann::ordered_json& variables);
  ~ChatSession();

  struct Reply {
    GenerateResult result;
    int dropped = 0;  // oldest messages left out because the context was full
  };
  // Adds the user's message, answers it, adds the answer. Where the conversation does not fit, the oldest
  // messages (not the system's) are left out. Error(Fault::usage) where the message alone does not fit.
  Reply reply(const std::string& user, const GenerateOptions& options, const OnText& on_text = {});

  void set_system(const std::string& text);  // "" takes it away
  std::string system() const;
  void reset();  // forgets all messages but the system's
  // The conversation as JSON: {"messages": [{"role", "content"}]}.
  std::string save() const;
  // Throws Error(Fault::file); the conversation is then as it was.
  void load(const std::string& text, const std::string& what);
  // The conversation as the model would see it next.
  std::string render(bool generation_prompt) const;
  // Tokens of the conversation so far.
  int64_t tokens() const;
  const nlohmann::ordered_json& messages() const;

 private:
  std::vector<int32_t> encode(const std::string& text) const;
  struct Data;
  std::unique_ptr<Data> d_;
};

// The variables that a template gets besides messages: bos_token, eos_token and the like, as the tokenizer
// spells them.
void add_special_tokens(nlohmann::ordered_json& variables, const Tokenizer& tokenizer);

}  // namespace ridge
