// Hand-written scanners for the published patterns of byte-level vocabularies. Each returns what the first
// match of the pattern at `begin` covers; tests/text/scanner_test.cpp compares them with PCRE2 over all
// characters.
#include <array>
#include <cstring>

#include "text/pretokenize.h"
#include "text/unicode.h"

namespace ridge::text {

const char* const kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

namespace {

// Class of an ASCII byte; kNotAscii for the rest.
constexpr uint8_t kNotAscii = 0x80;
constexpr std::array<uint8_t, 256> make_ascii() {
  std::array<uint8_t, 256> t{};
  for (int c = 0; c < 256; ++c) {
    if (c >= 0x80)
      t[c] = kNotAscii;
    else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
      t[c] = kLetter;
    else if (c >= '0' && c <= '9')
      t[c] = kNumber;
    else if (c == ' ' || (c >= 9 && c <= 13))
      t[c] = kSpace;
    if (c == '\r' || c == '\n') t[c] |= kNewline;
  }
  return t;
}
constexpr std::array<uint8_t, 256> kAscii = make_ascii();

// Class and length of the character at p < end.
struct Character {
  uint8_t bits;
  uint8_t length;
};
inline Character character(const char* p) {
  const auto byte = static_cast<unsigned char>(*p);
  const uint8_t bits = kAscii[byte];
  if (bits != kNotAscii) return {bits, 1};
  return {class_of(utf8_decode(p)), static_cast<uint8_t>(utf8_length(byte))};
}

// Past the characters from p on that have a bit of `wanted`.
inline const char* skip(const char* p, const char* end, uint8_t wanted) {
  while (p < end) {
    const auto byte = static_cast<unsigned char>(*p);
    const uint8_t bits = kAscii[byte];
    if (bits == kNotAscii) {
      if (!(class_of(utf8_decode(p)) & wanted)) return p;
      p += utf8_length(byte);
    } else {
      if (!(bits & wanted)) return p;
      ++p;
    }
  }
  return p;
}
// Past the characters that have no bit of `unwanted`.
inline const char* skip_not(const char* p, const char* end, uint8_t unwanted) {
  while (p < end) {
    const Character c = character(p);
    if (c.bits & unwanted) return p;
    p += c.length;
  }
  return p;
}

// \s+(?!\S)|\s+ at a blank: the run of blanks but its last one where a word follows.
inline const char* blanks(const char* p, const char* end) {
  const char *last = p, *q = p;
  while (q < end) {
    const Character c = character(q);
    if (!(c.bits & kSpace)) return last > p ? last : q;
    last = q;
    q += c.length;
  }
  return q;
}

// \s*[\r\n]+ at a blank: to behind the last newline of the run, or nothing.
inline const char* blanks_to_newline(const char* p, const char* end) {
  const char* newline = nullptr;
  while (p < end) {
    const Character c = character(p);
    if (!(c.bits & kSpace)) break;
    p += c.length;
    if (c.bits & kNewline) newline = p;
  }
  return newline;
}

// (?i:'s|'t|'re|'ve|'m|'ll|'d) at an apostrophe; U+017F counts as s. 0 where there is none.
inline size_t contraction_any_case(const char* p, const char* end) {
  if (end - p < 2) return 0;
  const char a = static_cast<char>(p[1] | 0x20);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
  if (end - p < 3) return 0;
  if (p[1] == '\xC5' && p[2] == '\xBF') return 3;
  const char b = static_cast<char>(p[2] | 0x20);
  return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
}

// The family of Llama 3 (Grattafiori et al., 2024) and Qwen2: kDigits digits a word; kMarks: marks belong to
// words.
template <int kDigits, bool kMarks>
size_t scan_llama3(const char* begin, const char* end) {
  constexpr uint8_t kInWord = kMarks ? kLetter | kMark : kLetter;
  constexpr uint8_t kNotOther = kMarks ? kSpace | kLetter | kMark | kNumber : kSpace | kLetter | kNumber;
  const auto length = [&](const char* p) { return static_cast<size_t>(p - begin); };
  if (*begin == '\'')
    if (const size_t n = contraction_any_case(begin, end)) return n;
  const Character c = character(begin);
  if (c.bits & kLetter) return length(skip(begin + c.length, end, kInWord));
  if (!(c.bits & (kNumber | kNewline))) {  // one character before the word
    const char* q = begin + c.length;
    if (q < end && (character(q).bits & kInWord)) return length(skip(q, end, kInWord));
    if (kMarks && (c.bits & kMark)) return length(skip(q, end, kInWord));
  }
  if (c.bits & kNumber) {
    const char* q = begin + c.length;
    for (int n = 1; n < kDigits && q < end; ++n) {
      const Character d = character(q);
      if (!(d.bits & kNumber)) break;
      q += d.length;
    }
    return length(q);
  }
  const char* q = begin + (*begin == ' ');
  if (q < end && !(character(q).bits & kNotOther))
    return length(skip(skip_not(q, end, kNotOther), end, kNewline));
  if (const char* newline = blanks_to_newline(begin, end)) return length(newline);
  return length(blanks(begin, end));
}

struct Known {
  std::string_view pattern;
  Scanner scanner;
};
// Spellings that mean the same when the pieces are isolated: what no alternative matches is a piece too.
constexpr Known kKnown[] = {
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", scan_gpt2},
    {R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", scan_gpt2},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     scan_llama3<3, false>},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     scan_llama3<1, false>},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     scan_llama3<1, true>},
};

}  // namespace

size_t scan_gpt2(const char* begin, const char* end) {
  const auto length = [&](const char* p) { return static_cast<size_t>(p - begin); };
  if (*begin == '\'' && end - begin >= 2) {
    const char a = begin[1];
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    if (end - begin >= 3) {
      const char b = begin[2];
      if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return 3;
    }
  }
  const char* p = begin + (*begin == ' ');
  if (p < end) {
    const Character c = character(p);
    if (c.bits & kLetter) return length(skip(p + c.length, end, kLetter));
    if (c.bits & kNumber) return length(skip(p + c.length, end, kNumber));
    if (!(c.bits & kSpace)) return length(skip_not(p + c.length, end, kSpace | kLetter | kNumber));
  }
  return length(blanks(begin, end));
}

Scanner scanner_for(std::string_view pattern) {
  const std::string canonical = canonical_pattern(pattern);
  for (const auto& known : kKnown)
    if (known.pattern == canonical) return known.scanner;
  return nullptr;
}

}  // namespace ridge::text
