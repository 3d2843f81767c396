// A pattern, a NUL, and a text to match it in.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/pattern.h"
#include "text/unicode.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size < 2000 ? size : 2000);
  const size_t cut = all.find('\0');
  const std::string text = ridge::text::utf8_replace_invalid(
      cut == std::string_view::npos ? "aab 12\n" : all.substr(cut + 1, 200));
  try {
    std::vector<ridge::text::Span> matches;
    ridge::text::Pattern::regex(all.substr(0, cut), "fuzz").find_all(text, matches);
  } catch (const ridge::Error&) {
  }
  return 0;
}
