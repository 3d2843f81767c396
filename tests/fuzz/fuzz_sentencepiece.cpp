// SentencePiece models: read, used, written and read again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const ridge::Tokenizer t =
        ridge::tokenizer_from_sentencepiece({reinterpret_cast<const char*>(data), size});
    const auto ids = t.encode("The <s> quick \xF0\x9F\x98\x80 \xFF brown  fox 123\xEF\xBC\xA1\xE2\x96\x81");
    t.decode(ids);
    ridge::tokenizer_from_sentencepiece(ridge::sentencepiece_model(t.vocabulary())).encode("again");
  } catch (const ridge::Error&) {
  }
  return 0;
}
