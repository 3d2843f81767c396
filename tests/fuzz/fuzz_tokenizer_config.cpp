// tokenizer_config.json beside a small vocabulary.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr std::string_view kTokenizer =
      R"({"model":{"type":"BPE","unk_token":"<unk>","vocab":{"<unk>":0,"<s>":1,"</s>":2,"a":3,"b":4,"ab":5},"merges":["a b"]}})";
  try {
    const ridge::Tokenizer t =
        ridge::tokenizer_from_json(kTokenizer, {reinterpret_cast<const char*>(data), size});
    t.decode(t.encode("ab <s>ab</s> c"));
    ridge::tokenizer_from_json(t.to_json(), ridge::tokenizer_config_json(t));
  } catch (const ridge::Error&) {
  }
  return 0;
}
