#include "base/error.h"

namespace ridge {

std::string printable(std::string_view text, size_t most) {
  std::string out;
  for (const char c : text) {
    if (out.size() >= most) return out + "...";
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u == 0x7f)
      out += fmt::format("\\x{:02x}", u);
    else
      out += c;
  }
  return out;
}

}  // namespace ridge
