// The plain vocabulary files; the first byte says which: tiktoken ranks, RWKV World, BERT, llama2.c, or
// vocab.json and merges.txt with a NUL between them.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "text/tokenizer.h"

namespace {
ridge::Tokenizer load(uint8_t kind, std::string_view rest) {
  const size_t cut = rest.find('\0');
  switch (kind % 5) {
    case 0:
      return ridge::tokenizer_from_tiktoken(rest, "gpt-4o");
    case 1:
      return ridge::tokenizer_from_rwkv(rest);
    case 2:
      return ridge::tokenizer_from_bert(rest);
    case 3:
      return ridge::tokenizer_from_llama2c(rest);
    default:
      return ridge::tokenizer_from_merges(
          rest.substr(0, cut), cut == std::string_view::npos ? std::string_view() : rest.substr(cut + 1));
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  try {
    const ridge::Tokenizer t = load(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
    t.decode(t.encode("The <s> quick \xF0\x9F\x98\x80 \xFF brown  fox 123"));
    ridge::tokenizer_from_vocabulary(t.vocabulary()).encode("again");
  } catch (const ridge::Error&) {
  }
  return 0;
}
