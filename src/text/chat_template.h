// Chat templates: the Jinja of tokenizer_config.json, chat_template.jinja and GGUF's tokenizer.chat_template,
// rendered as the transformers library renders it (jinja2 3.1: ImmutableSandboxedEnvironment, trim_blocks,
// lstrip_blocks, loop controls, the generation tag, raise_exception, strftime_now, tojson = json.dumps
// without HTML escaping). https://jinja.palletsprojects.com/en/stable/templates,
// https://huggingface.co/docs/transformers/chat_templating
//
// A template comes out of a model file and is not trusted: it sees the variables that it is given and nothing
// else (no files, no other templates, no clock but strftime_now), and everything it does is bounded by
// TemplateLimits.
#pragma once
#include <cstddef>
#include <ctime>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace ridge {

struct TemplateLimits {
  size_t source_bytes = size_t{4} << 20;  // of the template; checked by the constructor
  size_t steps = 20'000'000;  // nodes evaluated, items visited, and one for every 64 bytes of text handled
  size_t output_bytes = size_t{64} << 20;  // of the rendered text
  size_t text_bytes = size_t{64} << 20;    // of any one string built on the way
  size_t items = size_t{1} << 20;          // of any one list, tuple or mapping built on the way
  size_t live_bytes = size_t{512} << 20;   // of all values alive at one time
  size_t depth = 1000;  // nested evaluations (expressions, blocks, macro calls, recursive loops)
  double seconds = 10;  // of wall time
};

struct RenderOptions {
  std::optional<std::tm>
      now;  // what strftime_now() tells (local time); without it the clock of the machine is read
  TemplateLimits limits;
};

class ChatTemplate {
 public:
  // Parses. `name` (a file or a model) is for messages. A malformed template: Error(Fault::file) "NAME:LINE:
  // ...".
  explicit ChatTemplate(std::string source, std::string name = "chat template",
                        const TemplateLimits& limits = {});
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // `variables` is an object: messages, tools, documents, add_generation_prompt, bos_token, eos_token and
  // whatever else the template asks for. Error(Fault::file) "NAME:LINE: ..." where the template raises, fails
  // or passes a limit. May be called from several threads at once.
  std::string render(const nlohmann::ordered_json& variables, const RenderOptions& options = {}) const;

  const std::string& source() const { return source_; }
  const std::string& name() const { return name_; }

 private:
  struct Program;
  std::string source_, name_;
  std::unique_ptr<Program> program_;
};

}  // namespace ridge
