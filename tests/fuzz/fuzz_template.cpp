// A template out of a model file, rendered with a fixed conversation under tight limits: text or an Error,
// nothing else.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "text/chat_template.h"

namespace {

const ridge::OrderedJson& conversation() {
  static const ridge::OrderedJson variables = ridge::OrderedJson::parse(R"({
    "messages": [
      {"role": "system", "content": "You are brief."},
      {"role": "user", "content": "Grüße, what is 2 < 3?"},
      {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "id": "abc123def",
        "function": {"name": "compare", "arguments": {"a": 2, "b": 3.5, "c": [true, null]}}}]},
      {"role": "tool", "name": "compare", "content": "{\"less\": true}"}
    ],
    "tools": [{"type": "function", "function": {"name": "compare", "parameters": {"type": "object", "properties": {}}}}],
    "add_generation_prompt": true, "bos_token": "<s>", "eos_token": "</s>"})");
  return variables;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ridge::RenderOptions options;
  options.now = std::tm{};
  options.limits.steps = 20'000;
  options.limits.output_bytes = options.limits.text_bytes = size_t{1} << 18;
  options.limits.items = size_t{1} << 12;
  options.limits.live_bytes = size_t{8} << 20;
  options.limits.seconds = 1;
  try {
    const ridge::ChatTemplate chat(std::string(reinterpret_cast<const char*>(data), size), "fuzz",
                                   options.limits);
    (void)chat.render(conversation(), options);
  } catch (const ridge::Error&) {
  }
  return 0;
}
