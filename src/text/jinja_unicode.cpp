#include "text/jinja_unicode.h"

#include <string.h>
#include <utf8proc.h>

#include <algorithm>
#include <vector>

namespace ridge::jinja {
namespace {

// Capital letters that are more than one code point (Unicode's SpecialCasing.txt, what depends on no
// language); the title case is given where it too is more than one.
struct Special {
  char32_t from;
  const char32_t* upper;
  const char32_t* title;
};
const Special kSpecial[] = {
    {0x00DF, U"\x0053\x0053", U"\x0053\x0073"},
    {0x0149, U"\x02BC\x004E", U"\x02BC\x004E"},
    {0x01F0, U"\x004A\x030C", U"\x004A\x030C"},
    {0x0390, U"\x0399\x0308\x0301", U"\x0399\x0308\x0301"},
    {0x03B0, U"\x03A5\x0308\x0301", U"\x03A5\x0308\x0301"},
    {0x0587, U"\x0535\x0552", U"\x0535\x0582"},
    {0x1E96, U"\x0048\x0331", U"\x0048\x0331"},
    {0x1E97, U"\x0054\x0308", U"\x0054\x0308"},
    {0x1E98, U"\x0057\x030A", U"\x0057\x030A"},
    {0x1E99, U"\x0059\x030A", U"\x0059\x030A"},
    {0x1E9A, U"\x0041\x02BE", U"\x0041\x02BE"},
    {0x1F50, U"\x03A5\x0313", U"\x03A5\x0313"},
    {0x1F52, U"\x03A5\x0313\x0300", U"\x03A5\x0313\x0300"},
    {0x1F54, U"\x03A5\x0313\x0301", U"\x03A5\x0313\x0301"},
    {0x1F56, U"\x03A5\x0313\x0342", U"\x03A5\x0313\x0342"},
    {0x1F80, U"\x1F08\x0399", 0},
    {0x1F81, U"\x1F09\x0399", 0},
    {0x1F82, U"\x1F0A\x0399", 0},
    {0x1F83, U"\x1F0B\x0399", 0},
    {0x1F84, U"\x1F0C\x0399", 0},
    {0x1F85, U"\x1F0D\x0399", 0},
    {0x1F86, U"\x1F0E\x0399", 0},
    {0x1F87, U"\x1F0F\x0399", 0},
    {0x1F88, U"\x1F08\x0399", 0},
    {0x1F89, U"\x1F09\x0399", 0},
    {0x1F8A, U"\x1F0A\x0399", 0},
    {0x1F8B, U"\x1F0B\x0399", 0},
    {0x1F8C, U"\x1F0C\x0399", 0},
    {0x1F8D, U"\x1F0D\x0399", 0},
    {0x1F8E, U"\x1F0E\x0399", 0},
    {0x1F8F, U"\x1F0F\x0399", 0},
    {0x1F90, U"\x1F28\x0399", 0},
    {0x1F91, U"\x1F29\x0399", 0},
    {0x1F92, U"\x1F2A\x0399", 0},
    {0x1F93, U"\x1F2B\x0399", 0},
    {0x1F94, U"\x1F2C\x0399", 0},
    {0x1F95, U"\x1F2D\x0399", 0},
    {0x1F96, U"\x1F2E\x0399", 0},
    {0x1F97, U"\x1F2F\x0399", 0},
    {0x1F98, U"\x1F28\x0399", 0},
    {0x1F99, U"\x1F29\x0399", 0},
    {0x1F9A, U"\x1F2A\x0399", 0},
    {0x1F9B, U"\x1F2B\x0399", 0},
    {0x1F9C, U"\x1F2C\x0399", 0},
    {0x1F9D, U"\x1F2D\x0399", 0},
    {0x1F9E, U"\x1F2E\x0399", 0},
    {0x1F9F, U"\x1F2F\x0399", 0},
    {0x1FA0, U"\x1F68\x0399", 0},
    {0x1FA1, U"\x1F69\x0399", 0},
    {0x1FA2, U"\x1F6A\x0399", 0},
    {0x1FA3, U"\x1F6B\x0399", 0},
    {0x1FA4, U"\x1F6C\x0399", 0},
    {0x1FA5, U"\x1F6D\x0399", 0},
    {0x1FA6, U"\x1F6E\x0399", 0},
    {0x1FA7, U"\x1F6F\x0399", 0},
    {0x1FA8, U"\x1F68\x0399", 0},
    {0x1FA9, U"\x1F69\x0399", 0},
    {0x1FAA, U"\x1F6A\x0399", 0},
    {0x1FAB, U"\x1F6B\x0399", 0},
    {0x1FAC, U"\x1F6C\x0399", 0},
    {0x1FAD, U"\x1F6D\x0399", 0},
    {0x1FAE, U"\x1F6E\x0399", 0},
    {0x1FAF, U"\x1F6F\x0399", 0},
    {0x1FB2, U"\x1FBA\x0399", U"\x1FBA\x0345"},
    {0x1FB3, U"\x0391\x0399", 0},
    {0x1FB4, U"\x0386\x0399", U"\x0386\x0345"},
    {0x1FB6, U"\x0391\x0342", U"\x0391\x0342"},
    {0x1FB7, U"\x0391\x0342\x0399", U"\x0391\x0342\x0345"},
    {0x1FBC, U"\x0391\x0399", 0},
    {0x1FC2, U"\x1FCA\x0399", U"\x1FCA\x0345"},
    {0x1FC3, U"\x0397\x0399", 0},
    {0x1FC4, U"\x0389\x0399", U"\x0389\x0345"},
    {0x1FC6, U"\x0397\x0342", U"\x0397\x0342"},
    {0x1FC7, U"\x0397\x0342\x0399", U"\x0397\x0342\x0345"},
    {0x1FCC, U"\x0397\x0399", 0},
    {0x1FD2, U"\x0399\x0308\x0300", U"\x0399\x0308\x0300"},
    {0x1FD3, U"\x0399\x0308\x0301", U"\x0399\x0308\x0301"},
    {0x1FD6, U"\x0399\x0342", U"\x0399\x0342"},
    {0x1FD7, U"\x0399\x0308\x0342", U"\x0399\x0308\x0342"},
    {0x1FE2, U"\x03A5\x0308\x0300", U"\x03A5\x0308\x0300"},
    {0x1FE3, U"\x03A5\x0308\x0301", U"\x03A5\x0308\x0301"},
    {0x1FE4, U"\x03A1\x0313", U"\x03A1\x0313"},
    {0x1FE6, U"\x03A5\x0342", U"\x03A5\x0342"},
    {0x1FE7, U"\x03A5\x0308\x0342", U"\x03A5\x0308\x0342"},
    {0x1FF2, U"\x1FFA\x0399", U"\x1FFA\x0345"},
    {0x1FF3, U"\x03A9\x0399", 0},
    {0x1FF4, U"\x038F\x0399", U"\x038F\x0345"},
    {0x1FF6, U"\x03A9\x0342", U"\x03A9\x0342"},
    {0x1FF7, U"\x03A9\x0342\x0399", U"\x03A9\x0342\x0345"},
    {0x1FFC, U"\x03A9\x0399", 0},
    {0xFB00, U"\x0046\x0046", U"\x0046\x0066"},
    {0xFB01, U"\x0046\x0049", U"\x0046\x0069"},
    {0xFB02, U"\x0046\x004C", U"\x0046\x006C"},
    {0xFB03, U"\x0046\x0046\x0049", U"\x0046\x0066\x0069"},
    {0xFB04, U"\x0046\x0046\x004C", U"\x0046\x0066\x006C"},
    {0xFB05, U"\x0053\x0054", U"\x0053\x0074"},
    {0xFB06, U"\x0053\x0054", U"\x0053\x0074"},
    {0xFB13, U"\x0544\x0546", U"\x0544\x0576"},
    {0xFB14, U"\x0544\x0535", U"\x0544\x0565"},
    {0xFB15, U"\x0544\x053B", U"\x0544\x056B"},
    {0xFB16, U"\x054E\x0546", U"\x054E\x0576"},
    {0xFB17, U"\x0544\x053D", U"\x0544\x056D"},
};

const Special* special(char32_t c) {
  const auto* end = std::end(kSpecial);
  const auto* it =
      std::lower_bound(std::begin(kSpecial), end, c, [](const Special& s, char32_t v) { return s.from < v; });
  return it != end && it->from == c ? it : nullptr;
}

struct Span {
  char32_t first, last;
};

template <size_t N>
bool within(const Span (&spans)[N], char32_t c) {
  for (const Span& s : spans) {
    if (c >= s.first && c <= s.last) return true;
  }
  return false;
}

// Unicode's Other_Uppercase, Other_Lowercase, and Numeric_Type=Digit beside the decimal digits.
const Span kOtherUpper[] = {
    {0x2160, 0x216F}, {0x24B6, 0x24CF}, {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};
const Span kOtherLower[] = {{0xAA, 0xAA},       {0xBA, 0xBA},       {0x2B0, 0x2B8},     {0x2C0, 0x2C1},
                            {0x2E0, 0x2E4},     {0x345, 0x345},     {0x37A, 0x37A},     {0x1D2C, 0x1D6A},
                            {0x1D78, 0x1D78},   {0x1D9B, 0x1DBF},   {0x2071, 0x2071},   {0x207F, 0x207F},
                            {0x2090, 0x209C},   {0x2170, 0x217F},   {0x24D0, 0x24E9},   {0x2C7C, 0x2C7D},
                            {0xA69C, 0xA69D},   {0xA770, 0xA770},   {0xA7F8, 0xA7F9},   {0xAB5C, 0xAB5F},
                            {0x10780, 0x10780}, {0x10783, 0x10785}, {0x10787, 0x107B0}, {0x107B2, 0x107BA}};
const Span kDigits[] = {{0xB2, 0xB3},       {0xB9, 0xB9},       {0x1369, 0x1371},   {0x19DA, 0x19DA},
                        {0x2070, 0x2070},   {0x2074, 0x2079},   {0x2080, 0x2089},   {0x2460, 0x2468},
                        {0x2474, 0x247C},   {0x2488, 0x2490},   {0x24EA, 0x24EA},   {0x24F5, 0x24FD},
                        {0x24FF, 0x24FF},   {0x2776, 0x277E},   {0x2780, 0x2788},   {0x278A, 0x2792},
                        {0x10A40, 0x10A43}, {0x10E60, 0x10E68}, {0x11052, 0x1105A}, {0x1F100, 0x1F10A}};

utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

bool is_cased(char32_t c) { return is_lower(c) || is_upper(c) || category(c) == UTF8PROC_CATEGORY_LT; }

// Unicode's Case_Ignorable, by category and the few marks of Word_Break that matter.
bool is_case_ignorable(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return c == '\'' || c == '.' || c == ':' || c == 0xB7 || c == 0x2018 || c == 0x2019 || c == 0x2024 ||
             c == 0x2027;
  }
}

void append_all(std::string& out, const char32_t* text) {
  for (; *text; ++text) append(out, *text);
}

void append_upper(std::string& out, char32_t c) {
  if (const Special* s = c < 0x80 ? nullptr : special(c)) return append_all(out, s->upper);
  append(out, static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))));
}

void append_title(std::string& out, char32_t c) {
  const Special* s = c < 0x80 ? nullptr : special(c);
  if (s && s->title) return append_all(out, s->title);
  append(out, static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c))));
}

// A capital sigma at the end of a word becomes the final small sigma.
bool is_final_sigma(std::string_view utf8, size_t before, size_t after) {
  bool cased_before = false;
  for (size_t at = before; at > 0;) {
    do --at;
    while (at > 0 && (static_cast<unsigned char>(utf8[at]) & 0xC0) == 0x80);
    size_t p = at;
    const char32_t c = decode(utf8, p);
    if (is_case_ignorable(c)) continue;
    cased_before = is_cased(c);
    break;
  }
  if (!cased_before) return false;
  for (size_t at = after; at < utf8.size();) {
    const char32_t c = decode(utf8, at);
    if (!is_case_ignorable(c)) return !is_cased(c);
  }
  return true;
}

void append_lower(std::string& out, char32_t c, std::string_view whole, size_t before, size_t after) {
  if (c == 0x130) return append_all(out, U"i\x307");
  if (c == 0x3A3) return append(out, is_final_sigma(whole, before, after) ? 0x3C2 : 0x3C3);
  append(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
}

template <typename F>
std::string transform(std::string_view utf8, F each) {
  std::string out;
  out.reserve(utf8.size());
  for (size_t at = 0; at < utf8.size();) {
    const size_t before = at;
    const char32_t c = decode(utf8, at);
    each(out, c, before, at);
  }
  return out;
}

}  // namespace

size_t count_code_points(std::string_view utf8) {
  size_t n = 0;
  for (unsigned char c : utf8) n += (c & 0xC0) != 0x80;
  return n;
}

bool valid_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    utf8proc_int32_t c;
    const auto n = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at),
                                    static_cast<utf8proc_ssize_t>(text.size() - at), &c);
    if (n <= 0) return false;
    at += static_cast<size_t>(n);
  }
  return true;
}

std::string repair_utf8(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    utf8proc_int32_t c;
    const auto n = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at),
                                    static_cast<utf8proc_ssize_t>(text.size() - at), &c);
    append(out, n <= 0 ? char32_t{0xFFFD} : static_cast<char32_t>(c));
    at += n <= 0 ? 1 : static_cast<size_t>(n);
  }
  return out;
}

char32_t decode(std::string_view utf8, size_t& at) {
  const auto byte = [&](size_t i) { return i < utf8.size() ? static_cast<unsigned char>(utf8[i]) : 0u; };
  const unsigned first = byte(at);
  if (first < 0x80) return ++at, first;
  const size_t n = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  char32_t c = first & (0xFFu >> (n + 1));
  for (size_t i = 1; i < n; ++i) c = c << 6 | (byte(at + i) & 0x3F);
  at = std::min(at + n, utf8.size());
  return c;
}

void append(std::string& out, char32_t c) {
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
    return;
  }
  utf8proc_uint8_t buffer[4];
  const auto n = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), buffer);
  out.append(reinterpret_cast<const char*>(buffer), static_cast<size_t>(n));
}

size_t offset(std::string_view utf8, size_t code_points) {
  size_t at = 0;
  while (at < utf8.size()) {
    if ((static_cast<unsigned char>(utf8[at]) & 0xC0) != 0x80) {
      if (code_points == 0) return at;
      --code_points;
    }
    ++at;
  }
  return at;
}

bool is_space(char32_t c) {
  return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool is_line_end(char32_t c) {
  return (c >= 10 && c <= 13) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool is_printable(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    case UTF8PROC_CATEGORY_ZS:
      return c == ' ';
    default:
      return true;
  }
}

bool is_alpha(char32_t c) {
  const auto k = category(c);
  return k == UTF8PROC_CATEGORY_LU || k == UTF8PROC_CATEGORY_LL || k == UTF8PROC_CATEGORY_LT ||
         k == UTF8PROC_CATEGORY_LM || k == UTF8PROC_CATEGORY_LO;
}

bool is_decimal(char32_t c) { return category(c) == UTF8PROC_CATEGORY_ND; }
bool is_digit(char32_t c) { return is_decimal(c) || within(kDigits, c); }

bool is_numeric(char32_t c) {
  const auto k = category(c);
  if (k == UTF8PROC_CATEGORY_ND || k == UTF8PROC_CATEGORY_NL || k == UTF8PROC_CATEGORY_NO) return true;
  static const std::u32string_view ideographs = U"一二三四五六七八九十百千万萬億兆零";
  return ideographs.find(c) != std::u32string_view::npos;
}

bool is_upper(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LU || within(kOtherUpper, c); }
bool is_lower(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LL || within(kOtherLower, c); }
bool is_title(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LT; }
bool is_word(char32_t c) { return c == '_' || is_alnum(c); }

bool is_identifier(std::string_view utf8) {
  if (utf8.empty()) return false;
  for (size_t at = 0; at < utf8.size();) {
    const bool first = at == 0;
    const char32_t c = decode(utf8, at);
    const auto k = category(c);
    const bool starts = c == '_' || is_alpha(c) || k == UTF8PROC_CATEGORY_NL;
    const bool goes_on = k == UTF8PROC_CATEGORY_ND || k == UTF8PROC_CATEGORY_MN ||
                         k == UTF8PROC_CATEGORY_MC || k == UTF8PROC_CATEGORY_PC;
    if (!starts && (first || !goes_on)) return false;
  }
  return true;
}

std::string upper(std::string_view utf8) {
  return transform(utf8, [](std::string& out, char32_t c, size_t, size_t) { append_upper(out, c); });
}

std::string lower(std::string_view utf8) {
  return transform(
      utf8, [&](std::string& out, char32_t c, size_t b, size_t a) { append_lower(out, c, utf8, b, a); });
}

std::string title(std::string_view utf8) {
  bool inside = false;
  return transform(utf8, [&](std::string& out, char32_t c, size_t b, size_t a) {
    if (inside) {
      append_lower(out, c, utf8, b, a);
    } else {
      append_title(out, c);
    }
    inside = is_cased(c);
  });
}

std::string capitalize(std::string_view utf8) {
  return transform(utf8, [&](std::string& out, char32_t c, size_t b, size_t a) {
    if (b == 0) {
      append_title(out, c);
    } else {
      append_lower(out, c, utf8, b, a);
    }
  });
}

std::string swap_case(std::string_view utf8) {
  return transform(utf8, [&](std::string& out, char32_t c, size_t b, size_t a) {
    if (is_upper(c)) {
      append_lower(out, c, utf8, b, a);
    } else if (is_lower(c)) {
      append_upper(out, c);
    } else {
      append(out, c);
    }
  });
}

std::string case_fold(std::string_view utf8) {
  return transform(utf8, [](std::string& out, char32_t c, size_t, size_t) {
    utf8proc_int32_t folded[8];
    const auto n =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), folded, 8, UTF8PROC_CASEFOLD, nullptr);
    if (n <= 0 || n > 8) return append(out, c);
    for (utf8proc_ssize_t i = 0; i < n; ++i) append(out, static_cast<char32_t>(folded[i]));
  });
}

std::string_view strip(std::string_view utf8, const std::string* set, bool left, bool right) {
  std::u32string characters;
  if (set) {
    for (size_t at = 0; at < set->size();) characters.push_back(decode(*set, at));
    std::sort(characters.begin(), characters.end());
  }
  const auto drop = [&](char32_t c) {
    return set ? std::binary_search(characters.begin(), characters.end(), c) : is_space(c);
  };
  size_t begin = 0, end = utf8.size();
  while (left && begin < end) {
    size_t at = begin;
    if (!drop(decode(utf8, at))) break;
    begin = at;
  }
  while (right && end > begin) {
    size_t at = end;
    do --at;
    while (at > begin && (static_cast<unsigned char>(utf8[at]) & 0xC0) == 0x80);
    size_t p = at;
    if (!drop(decode(utf8, p))) break;
    end = at;
  }
  return utf8.substr(begin, end - begin);
}

std::string_view strip_left(std::string_view utf8) { return strip(utf8, nullptr, true, false); }
std::string_view strip_right(std::string_view utf8) { return strip(utf8, nullptr, false, true); }

size_t find(std::string_view whole, std::string_view part, size_t from) {
  if (from > whole.size()) return std::string_view::npos;
  if (part.empty()) return from;
  // memmem is linear for long needles too; string_view::find is not.
  const void* hit = memmem(whole.data() + from, whole.size() - from, part.data(), part.size());
  return hit ? static_cast<size_t>(static_cast<const char*>(hit) - whole.data()) : std::string_view::npos;
}

size_t find_last(std::string_view whole, std::string_view part) {
  if (part.size() <= 32) return whole.rfind(part);
  const std::string backwards(whole.rbegin(), whole.rend()), needle(part.rbegin(), part.rend());
  const size_t at = find(backwards, needle);
  return at == std::string_view::npos ? at : whole.size() - at - part.size();
}

}  // namespace ridge::jinja
