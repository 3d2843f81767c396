#include "text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

namespace ridge::text {
namespace {

bool contains(std::span<const Range> ranges, uint32_t c) {
  const auto it = std::upper_bound(ranges.begin(), ranges.end(), c,
                                   [](uint32_t v, const Range& r) { return v < r.first; });
  return it != ranges.begin() && c <= std::prev(it)->last;
}

bool is_mark(int cat) { return cat >= UTF8PROC_CATEGORY_MN && cat <= UTF8PROC_CATEGORY_ME; }

uint8_t classify(uint32_t c, int cat) {
  uint8_t bits = 0;
  if (cat >= UTF8PROC_CATEGORY_LU && cat <= UTF8PROC_CATEGORY_LO) bits |= kLetter | kWord;
  if (cat >= UTF8PROC_CATEGORY_ND && cat <= UTF8PROC_CATEGORY_NO) bits |= kNumber;
  if (is_mark(cat)) bits |= kMark | kWord;
  if (cat == UTF8PROC_CATEGORY_ND || cat == UTF8PROC_CATEGORY_NL || cat == UTF8PROC_CATEGORY_PC)
    bits |= kWord;
  if (c == 0x200C || c == 0x200D || (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
      (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189))
    bits |= kWord;  // Join_Control and Other_Alphabetic
  if (is_space(c)) bits |= kSpace;
  if (c == '\r' || c == '\n') bits |= kNewline;
  if (cat >= UTF8PROC_CATEGORY_PC && cat <= UTF8PROC_CATEGORY_PO && !contains(punctuation_since_7(), c))
    bits |= kPunctuation;
  // Punctuation then: its category has changed since, or it is ASCII of another kind.
  if (c == 0x166D || c == 0x111C9 || (c < 128 && cat >= UTF8PROC_CATEGORY_SM && cat <= UTF8PROC_CATEGORY_SO))
    bits |= kPunctuation;
  return bits;
}

const uint8_t* make_class_table() {
  constexpr uint32_t kEnd = 0x110000;
  auto* table = new uint8_t[kEnd];  // lives as long as the program
  for (uint32_t c = 0; c < kEnd; ++c)
    table[c] = classify(c, utf8proc_category(static_cast<utf8proc_int32_t>(c)));
  for (const auto& r : categories_after_14())
    for (uint32_t c = r.first; c <= r.last; ++c) table[c] = classify(c, r.category);
  return table;
}

std::vector<int32_t> decode_all(std::string_view text) {
  std::vector<int32_t> out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); i += utf8_length(static_cast<unsigned char>(text[i])))
    out.push_back(static_cast<int32_t>(utf8_decode(text.data() + i)));
  return out;
}

// Characters that published tokenizers leave as they are in compatibility forms: their data is of Unicode 9,
// which did not have them.
bool no_compatibility(uint32_t c) {
  static constexpr Range kLate[] = {{0x32FF, 0x32FF},   {0xA7F2, 0xA7F4},   {0xAB69, 0xAB69},
                                    {0x10781, 0x10785}, {0x10787, 0x107B0}, {0x107B2, 0x107BA},
                                    {0x1E030, 0x1E06D}, {0x1F16C, 0x1F16C}, {0x1FBF0, 0x1FBF9}};
  return contains(kLate, c);
}

// Marks that Unicode 9 did not have are no marks to it.
int combining_class(int32_t c) {
  if (c < 0x300) return 0;
  const int found = utf8proc_get_property(c)->combining_class;
  return found != 0 && contains(marks_since_9(), static_cast<uint32_t>(c)) ? 0 : found;
}

}  // namespace

void utf8_append(std::string& out, uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

Utf8Step utf8_step(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char a = byte(0);
  if (a < 0x80) return {1, true, false};
  if (a < 0xC2 || a > 0xF4) return {1, false, false};
  const size_t need = utf8_length(a);
  // The second byte's range excludes overlong forms, surrogates and what lies above U+10FFFF.
  const unsigned char low = a == 0xE0 ? 0xA0 : a == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = a == 0xED ? 0x9F : a == 0xF4 ? 0x8F : 0xBF;
  for (size_t i = 1; i < need; ++i) {
    if (i >= text.size()) return {i, false, true};
    const unsigned char b = byte(i);
    if (i == 1 ? (b < low || b > high) : (b & 0xC0) != 0x80) return {i, false, false};
  }
  return {need, true, false};
}

bool is_ascii(std::string_view text) {
  size_t i = 0;
  uint64_t any = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    any |= word;
  }
  for (; i < text.size(); ++i) any |= static_cast<unsigned char>(text[i]);
  return (any & 0x8080808080808080u) == 0;
}

bool utf8_valid(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    while (i + 8 <= text.size()) {
      uint64_t word;
      std::memcpy(&word, text.data() + i, 8);
      if (word & 0x8080808080808080u) break;
      i += 8;
    }
    if (i >= text.size()) break;
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    const Utf8Step step = utf8_step(text.substr(i, 4));
    if (!step.valid) return false;
    i += step.length;
  }
  return true;
}

std::string utf8_replace_invalid(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 16);
  for (size_t i = 0; i < text.size();) {
    const Utf8Step step = utf8_step(text.substr(i, 4));
    out += step.valid ? text.substr(i, step.length) : kReplacement;
    i += step.length;
  }
  return out;
}

size_t utf8_cut_tail(std::string_view text) {
  for (size_t n = 1; n <= 3 && n <= text.size(); ++n) {
    const auto b = static_cast<unsigned char>(text[text.size() - n]);
    if (b < 0x80) return 0;
    if (b >= 0xC0) {
      const Utf8Step step = utf8_step(text.substr(text.size() - n));
      return step.cut && step.length == n ? n : 0;
    }
  }
  return 0;
}

bool is_space(uint32_t c) {
  return (c >= 9 && c <= 13) || c == 32 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

const uint8_t* class_table() {
  static const uint8_t* const table = make_class_table();
  return table;
}

int category(uint32_t c) {
  const auto ranges = categories_after_14();
  const auto it = std::upper_bound(ranges.begin(), ranges.end(), c,
                                   [](uint32_t v, const CategoryRange& r) { return v < r.first; });
  if (it != ranges.begin() && c <= std::prev(it)->last) return std::prev(it)->category;
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

bool is_nonspacing_mark_v7(uint32_t c) {
  if (c < 0x300) return false;
  return c == 0x1734 || (category(c) == UTF8PROC_CATEGORY_MN && !contains(nonspacing_since_7(), c));
}

bool is_mark_v9(uint32_t c) {
  if (c < 0x300) return false;
  return c == 0x1CF2 || c == 0x1CF3 || (is_mark(category(c)) && !contains(marks_since_9(), c));
}

bool is_control_v7(uint32_t c) {
  const int cat = category(c);
  return (cat == UTF8PROC_CATEGORY_CC || cat == UTF8PROC_CATEGORY_CF || cat == UTF8PROC_CATEGORY_CO) &&
         !contains(format_since_7(), c);
}

bool has_character_after_14(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto b = static_cast<unsigned char>(text[i]);
    if (b < 0xE0) {
      i += utf8_length(b);
      continue;
    }
    const uint32_t c = utf8_decode(text.data() + i);
    i += utf8_length(b);
    if ((c >= 0x3040 && c < 0xA000) || (c >= 0xAC00 && c < 0xD7A4)) continue;  // kana, Han, Hangul: all older
    const auto ranges = categories_after_14();
    const auto it = std::upper_bound(ranges.begin(), ranges.end(), c,
                                     [](uint32_t v, const CategoryRange& r) { return v < r.first; });
    if (it != ranges.begin() && c <= std::prev(it)->last) return true;
  }
  return false;
}

std::string normalize(std::string_view text, Form form) {
  if (is_ascii(text)) return std::string(text);
  const bool compatible = form == Form::nfkc || form == Form::nfkd;
  const bool compose = form == Form::nfc || form == Form::nfkc;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE |
                                                      (compatible ? UTF8PROC_COMPAT : 0));
  std::vector<int32_t> all;
  all.reserve(text.size());
  for (const int32_t c : decode_all(text)) {
    std::array<int32_t, 32> parts;  // the longest decomposition (U+FDFA) has 18
    int boundary = 0;
    const bool plain = c < 0xC0 ? !compatible : (compatible && no_compatibility(static_cast<uint32_t>(c)));
    const auto n = plain || c == 0x11938
                       ? -1
                       : utf8proc_decompose_char(c, parts.data(), parts.size(), options, &boundary);
    if (n < 0 || n > static_cast<utf8proc_ssize_t>(parts.size())) {
      all.push_back(c);
    } else {
      all.insert(all.end(), parts.begin(), parts.begin() + n);
    }
  }
  // Canonical order: runs of combining characters by class. utf8proc would sort in O(n^2).
  for (size_t i = 0; i < all.size();) {
    if (combining_class(all[i]) == 0) {
      ++i;
      continue;
    }
    size_t end = i + 1;
    while (end < all.size() && combining_class(all[end]) != 0) ++end;
    std::stable_sort(all.begin() + static_cast<long>(i), all.begin() + static_cast<long>(end),
                     [](int32_t a, int32_t b) { return combining_class(a) < combining_class(b); });
    i = end;
  }
  auto length = static_cast<utf8proc_ssize_t>(all.size());
  if (compose) {
    length = utf8proc_normalize_utf32(all.data(), length,
                                      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    if (length < 0) return std::string(text);
  }
  std::string out;
  out.reserve(text.size() + 16);
  for (utf8proc_ssize_t i = 0; i < length; ++i)
    utf8_append(out, static_cast<uint32_t>(all[static_cast<size_t>(i)]));
  return out;
}

std::string lowercase(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 8);
  for (size_t i = 0; i < text.size();) {
    const auto b = static_cast<unsigned char>(text[i]);
    if (b < 0x80) {
      out += b >= 'A' && b <= 'Z' ? static_cast<char>(b + 32) : text[i];
      ++i;
      continue;
    }
    const uint32_t c = utf8_decode(text.data() + i);
    i += utf8_length(b);
    switch (c) {  // the one full mapping, and letters of Unicode 16 and 17
      case 0x130:
        out += "i\xCC\x87";
        continue;
      case 0xA7CB:
        utf8_append(out, 0x264);
        continue;
      case 0xA7DC:
        utf8_append(out, 0x19B);
        continue;
      case 0x1C89:
      case 0xA7CC:
      case 0xA7CE:
      case 0xA7D2:
      case 0xA7D4:
      case 0xA7DA:
        utf8_append(out, c + 1);
        continue;
      default:
        break;
    }
    if (c >= 0x10D50 && c <= 0x10D65) {
      utf8_append(out, c + 0x20);
    } else if (c >= 0x16EA0 && c <= 0x16EB8) {
      utf8_append(out, c + 0x1B);
    } else {
      utf8_append(out, static_cast<uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
    }
  }
  return out;
}

size_t grapheme_length(std::string_view text) {
  if (text.empty()) return 0;
  size_t i = utf8_length(static_cast<unsigned char>(text[0]));
  utf8proc_int32_t state = 0, previous = static_cast<utf8proc_int32_t>(utf8_decode(text.data()));
  while (i < text.size()) {
    const auto c = static_cast<utf8proc_int32_t>(utf8_decode(text.data() + i));
    if (utf8proc_grapheme_break_stateful(previous, c, &state)) break;
    previous = c;
    i += utf8_length(static_cast<unsigned char>(text[i]));
  }
  return i;
}

namespace {
struct ByteAlphabet {
  std::array<std::string, 256> characters;
  std::array<int16_t, 0x180> bytes;  // by code point; the largest is U+0143
  ByteAlphabet() {
    bytes.fill(-1);
    uint32_t next = 256;
    for (uint32_t b = 0; b < 256; ++b) {
      const bool itself = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      const uint32_t c = itself ? b : next++;
      utf8_append(characters[b], c);
      bytes[c] = static_cast<int16_t>(b);
    }
  }
};
const ByteAlphabet& alphabet() {
  static const ByteAlphabet a;
  return a;
}
}  // namespace

std::string_view byte_character(uint8_t byte) { return alphabet().characters[byte]; }
int character_byte(uint32_t c) { return c < alphabet().bytes.size() ? alphabet().bytes[c] : -1; }

std::string to_byte_alphabet(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char b : bytes) out += byte_character(static_cast<uint8_t>(b));
  return out;
}

bool from_byte_alphabet(std::string_view piece, std::string& bytes) {
  const size_t before = bytes.size();
  for (size_t i = 0; i < piece.size();) {
    const int b = character_byte(utf8_decode(piece.data() + i));
    if (b < 0) {
      bytes.resize(before);
      return false;
    }
    bytes += static_cast<char>(b);
    i += utf8_length(static_cast<unsigned char>(piece[i]));
  }
  return true;
}

}  // namespace ridge::text
