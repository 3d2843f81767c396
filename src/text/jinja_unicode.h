// What Python's str knows about Unicode, on UTF-8.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ridge::jinja {

size_t count_code_points(std::string_view utf8);
bool valid_utf8(std::string_view text);
std::string repair_utf8(std::string_view text);  // what is not UTF-8 becomes U+FFFD
char32_t decode(std::string_view utf8,
                size_t& at);  // the code point at `at`, which moves on; `utf8` is valid
void append(std::string& out, char32_t c);
size_t offset(std::string_view utf8, size_t code_points);  // in bytes

bool is_space(char32_t c);
bool is_line_end(char32_t c);  // of str.splitlines
bool is_printable(char32_t c);
bool is_alpha(char32_t c);
bool is_decimal(char32_t c);
bool is_digit(char32_t c);
bool is_numeric(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);
bool is_title(char32_t c);
inline bool is_alnum(char32_t c) { return is_alpha(c) || is_numeric(c); }
bool is_word(char32_t c);  // \w
bool is_identifier(std::string_view utf8);

std::string upper(std::string_view utf8);
std::string lower(std::string_view utf8);
std::string title(std::string_view utf8);
std::string capitalize(std::string_view utf8);
std::string swap_case(std::string_view utf8);
std::string case_fold(std::string_view utf8);

std::string_view strip_left(std::string_view utf8);
std::string_view strip_right(std::string_view utf8);
// With characters of `set` in place of white space.
std::string_view strip(std::string_view utf8, const std::string* set, bool left, bool right);

// First and last place of `part` at or after `from`, or npos; linear time, whatever the text.
size_t find(std::string_view whole, std::string_view part, size_t from = 0);
size_t find_last(std::string_view whole, std::string_view part);

}  // namespace ridge::jinja
