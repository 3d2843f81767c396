#include "text/charsmap.h"

#include <cstring>

#include "base/error.h"

namespace ridge::text {

CharsMap::CharsMap(std::string_view blob, const std::string& what) {
  if (blob.empty()) return;
  uint32_t bytes = 0;
  if (blob.size() < 4) fail(Fault::file, "{}: a character map of {} bytes", what, blob.size());
  std::memcpy(&bytes, blob.data(), 4);
  if (bytes % 4 != 0 || bytes > blob.size() - 4)
    fail(Fault::file, "{}: a character map whose trie has {} of {} bytes", what, bytes, blob.size() - 4);
  units_.resize(bytes / 4);
  if (bytes > 0) std::memcpy(units_.data(), blob.data() + 4, bytes);
  replacements_ = blob.substr(4 + bytes);
}

// A unit: bits 0-7 and 31 the label (31 also marks a leaf), bit 8 whether a leaf hangs on it, bit 9 whether
// the offset of bits 10-30 is shifted by 8; a leaf's bits 0-30 are the value.
template <typename F>
void CharsMap::walk(std::string_view text, F&& f) const {
  const auto offset_of = [](uint32_t unit) { return unit >> 10 << ((unit & (1u << 9)) >> 6); };
  if (units_.empty()) return;
  size_t at = offset_of(units_[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0) return;
    at ^= byte;
    if (at >= units_.size()) return;
    const uint32_t unit = units_[at];
    if ((unit & (1u << 31 | 0xFF)) != byte) return;
    at ^= offset_of(unit);
    if (at >= units_.size()) return;
    if (unit & 1u << 8)
      if (!f(i + 1, units_[at] & 0x7FFFFFFFu)) return;
  }
}

std::string_view CharsMap::replacement(uint32_t offset) const {
  if (offset >= replacements_.size()) return {};
  const std::string_view rest = std::string_view(replacements_).substr(offset);
  return rest.substr(0, rest.find('\0'));
}

CharsMap::Found CharsMap::longest(std::string_view text) const {
  Found found;
  walk(text, [&](size_t length, uint32_t value) {
    found = {length, replacement(value)};
    return true;
  });
  return found;
}

CharsMap::Found CharsMap::shortest(std::string_view text) const {
  Found found;
  walk(text, [&](size_t length, uint32_t value) {
    found = {length, replacement(value)};
    return false;
  });
  return found;
}

}  // namespace ridge::text
