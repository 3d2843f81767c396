// The hand-written scanners cover any text, without a word that is empty or too long.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "text/pretokenize.h"
#include "text/unicode.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text = ridge::text::utf8_replace_invalid({reinterpret_cast<const char*>(data), size});
  const char* const kPatterns[] = {
      ridge::text::kGpt2Pattern,
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};
  for (const char* pattern : kPatterns) {
    const ridge::text::Scanner scanner = ridge::text::scanner_for(pattern);
    for (size_t i = 0; i < text.size();) {
      const size_t n = scanner(text.data() + i, text.data() + text.size());
      if (n == 0 || n > text.size() - i) std::abort();
      i += n;
    }
  }
  return 0;
}
