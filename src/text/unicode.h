// UTF-8, character classes and normalization for tokenizers: utf8proc, brought up to Unicode 17.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ridge::text {

struct Range {
  uint32_t first, last;
};
struct CategoryRange {
  uint32_t first, last;
  int category;  // utf8proc_category_t
};
std::span<const CategoryRange> categories_after_14();
std::span<const Range> punctuation_since_7();
std::span<const Range> nonspacing_since_7();
std::span<const Range> marks_since_9();
std::span<const Range> format_since_7();

// ---- UTF-8

// Bytes of the character that starts with `lead`, in valid UTF-8.
inline size_t utf8_length(unsigned char lead) {
  return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

// The character at `p` of valid UTF-8.
inline uint32_t utf8_decode(const char* p) {
  const auto* u = reinterpret_cast<const unsigned char*>(p);
  if (u[0] < 0x80) return u[0];
  if (u[0] < 0xE0) return (u[0] & 0x1Fu) << 6 | (u[1] & 0x3Fu);
  if (u[0] < 0xF0) return (u[0] & 0x0Fu) << 12 | (u[1] & 0x3Fu) << 6 | (u[2] & 0x3Fu);
  return (u[0] & 0x07u) << 18 | (u[1] & 0x3Fu) << 12 | (u[2] & 0x3Fu) << 6 | (u[3] & 0x3Fu);
}

void utf8_append(std::string& out, uint32_t c);

// What starts `text`: a valid character (its length), or something malformed (valid = false; `length` is its
// maximal subpart, Unicode 3.9 D93b), or a character cut off by the end of the text (valid = false, cut =
// true).
struct Utf8Step {
  size_t length;
  bool valid, cut;
};
Utf8Step utf8_step(std::string_view text);

bool utf8_valid(std::string_view text);
bool is_ascii(std::string_view text);
// Malformed parts become U+FFFD, one for each maximal subpart.
std::string utf8_replace_invalid(std::string_view text);
// Bytes at the end of `text` that begin a character but do not finish it: 0 to 3.
size_t utf8_cut_tail(std::string_view text);

inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
inline constexpr std::string_view kMetaspace = "\xE2\x96\x81";    // U+2581

// ---- classes

// Bits of a character; Unicode 17.
enum Class : uint8_t {
  kLetter = 1,       // L*
  kNumber = 2,       // N*
  kSpace = 4,        // White_Space
  kPunctuation = 8,  // P* of Unicode 7, and all ASCII that is neither letter, digit, space nor control
  kMark = 16,        // M*
  kWord = 32,        // \w of the Rust regex library
  kNewline = 64,     // \r, \n
};
// One byte for each code point; made at the first call.
const uint8_t* class_table();
inline uint8_t class_of(uint32_t c) { return class_table()[c]; }
bool is_space(uint32_t c);

int category(uint32_t c);                            // utf8proc_category_t, Unicode 17
bool is_nonspacing_mark_v7(uint32_t c);              // Mn
bool is_mark_v9(uint32_t c);                         // M*
bool is_control_v7(uint32_t c);                      // Cc, Cf, Co
bool has_character_after_14(std::string_view text);  // any assigned after Unicode 14

// ---- mappings

enum class Form { nfc, nfd, nfkc, nfkd };
// Normalization in O(n log n) whatever the text.
std::string normalize(std::string_view text, Form form);
std::string lowercase(std::string_view text);
// The length in bytes of the first extended grapheme cluster.
size_t grapheme_length(std::string_view text);

// ---- the byte alphabet of GPT-2 (Radford et al., 2019)

// The character that stands for a byte, as UTF-8, and back (-1: none).
std::string_view byte_character(uint8_t byte);
int character_byte(uint32_t c);
std::string to_byte_alphabet(std::string_view bytes);
// The bytes that a piece of the alphabet stands for; false where a character is none of it.
bool from_byte_alphabet(std::string_view piece, std::string& bytes);

}  // namespace ridge::text
