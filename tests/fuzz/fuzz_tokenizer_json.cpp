// tokenizer.json: parsed, used, and carried through GGUF's vocabulary.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const ridge::Tokenizer t = ridge::tokenizer_from_json({reinterpret_cast<const char*>(data), size});
    const auto ids =
        t.encode("The <s> quick \xF0\x9F\x98\x80 \xFF brown  fox's 123\n\n\te\xCC\x81 \xE4\xB8\xAD</s>");
    t.decode(ids);
    t.decode(ids, {.skip_special = false});
    ridge::tokenizer_from_vocabulary(t.vocabulary()).encode("again");
  } catch (const ridge::Error&) {
  }
  return 0;
}
