#include "text/jinja_lexer.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "text/jinja_unicode.h"

namespace ridge::jinja {
namespace {

// Line ends become "\n", and one at the very end goes.
std::string normalized(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
      out += '\n';
    } else {
      out += source[i];
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

bool is_digit_of(char c, int base) {
  const char low = static_cast<char>(c | 0x20);
  return base == 16 ? (c >= '0' && c <= '9') || (low >= 'a' && low <= 'f') : c >= '0' && c < '0' + base;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalized(source)), text_(source_) {}

  std::vector<Token> run() {
    while (at_ < text_.size()) root();
    push(TokenKind::end);
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void failure(std::string message) const { throw SyntaxFailure(std::move(message), line_); }

  void push(TokenKind kind, std::string text = {}) {
    Token& t = tokens_.emplace_back();
    t.kind = kind, t.line = line_, t.text = std::move(text);
  }

  bool starts(std::string_view s, size_t at) const {
    return text_.substr(std::min(at, text_.size())).starts_with(s);
  }

  // Moves on to `end`, counting lines.
  void advance(size_t end) {
    line_ += static_cast<size_t>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(at_),
                                            text_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
    if (end > at_) line_starting_ = text_[end - 1] == '\n';
    at_ = end;
  }

  size_t skip_space(size_t at) const {
    while (at < text_.size()) {
      size_t next = at;
      if (!is_space(decode(text_, next))) break;
      at = next;
    }
    return at;
  }

  // Text before a tag, of which the tag's sign, or lstrip_blocks, takes white space.
  void data(std::string_view text, char sign, bool variable) {
    std::string_view kept = text;
    if (sign == '-') {
      kept = strip_right(text);
    } else if (sign != '+' && !variable) {
      const size_t last = text.rfind('\n'), from = last == text.npos ? 0 : last + 1;
      if ((from > 0 || line_starting_) && strip_left(text.substr(from)).empty()) kept = text.substr(0, from);
    }
    if (!kept.empty()) push(TokenKind::data, std::string(kept));
  }

  char sign_at(size_t at) const {
    return at < text_.size() && (text_[at] == '-' || text_[at] == '+') ? text_[at] : '\0';
  }

  // The end of a "{% raw %}" that begins at `at`, or 0.
  size_t raw_begin(size_t at) const {
    at += 2;
    if (sign_at(at)) ++at;
    at = skip_space(at);
    if (!starts("raw", at)) return 0;
    at = skip_space(at + 3);
    if (starts("-%}", at)) return skip_space(at + 3);
    return starts("%}", at) ? at + 2 : 0;
  }

  void root() {
    size_t tag = at_;
    while ((tag = text_.find('{', tag)) != text_.npos) {
      if (tag + 1 < text_.size() && (text_[tag + 1] == '%' || text_[tag + 1] == '{' || text_[tag + 1] == '#'))
        break;
      ++tag;
    }
    if (tag == text_.npos) {
      push(TokenKind::data, std::string(text_.substr(at_)));
      at_ = text_.size();
      return;
    }
    const char kind = text_[tag + 1], sign = sign_at(tag + 2);
    data(text_.substr(at_, tag - at_), sign, kind == '{');
    advance(tag);
    if (const size_t end = kind == '%' ? raw_begin(tag) : 0) {
      advance(end);
      return raw();
    }
    const size_t inside = tag + (sign ? 3 : 2);
    if (kind == '#') {
      advance(inside);
      return comment();
    }
    push(kind == '%' ? TokenKind::block_begin : TokenKind::variable_begin);
    advance(inside);
    tag_body(kind == '%');
  }

  void comment() {
    const size_t end = text_.find("#}", at_);
    if (end == text_.npos) {
      if (at_ == text_.size()) return;  // jinja2 lets this pass
      failure("Missing end of comment tag");
    }
    const char sign = end > at_ ? sign_at(end - 1) : '\0';
    advance(after(end + 2, sign));
  }

  // Where text goes on after a tag that ends at `end`.
  size_t after(size_t end, char sign) const {
    if (sign == '-') return skip_space(end);
    return sign != '+' && end < text_.size() && text_[end] == '\n' ? end + 1 : end;
  }

  void raw() {
    for (size_t tag = at_; (tag = text_.find("{%", tag)) != text_.npos; ++tag) {
      size_t p = tag + 2;
      const char sign = sign_at(p);
      p = skip_space(sign ? p + 1 : p);
      if (!starts("endraw", p)) continue;
      p = skip_space(p + 6);
      const char end_sign = sign_at(p);
      if (!starts("%}", end_sign ? p + 1 : p)) continue;
      data(text_.substr(at_, tag - at_), sign, false);
      return advance(after(p + (end_sign ? 3 : 2), end_sign));
    }
    if (at_ < text_.size()) failure("Missing end of raw directive");
  }

  // Up to "%}" or "}}".
  void tag_body(bool block) {
    std::string open;  // the closing brackets that are awaited
    const std::string_view end = block ? "%}" : "}}";
    const TokenKind kind = block ? TokenKind::block_end : TokenKind::variable_end;
    for (;;) {
      if (at_ >= text_.size()) return;  // the parser says what is missing
      if (open.empty()) {
        const char sign = sign_at(at_);
        if (starts(end, at_)) {
          push(kind);
          return advance(block ? after(at_ + 2, '\0') : at_ + 2);
        }
        if (sign && (block || sign == '-') && starts(end, at_ + 1)) {
          push(kind);
          return advance(after(at_ + 3, sign));
        }
      }
      token(open);
    }
  }

  void token(std::string& open) {
    const size_t space = skip_space(at_);
    if (space > at_) return advance(space);
    const char c = text_[at_];
    if (c >= '0' && c <= '9') return number();
    size_t next = at_;
    const char32_t first = decode(text_, next);
    if (is_word(first)) return name();
    if (c == '\'' || c == '"') return string(c);
    sign(open, first);
  }

  // Digits with single "_" between them.
  size_t digits(size_t at, int base) const {
    size_t end = at;
    while (end < text_.size()) {
      const size_t d = text_[end] == '_' && end > at ? end + 1 : end;
      if (d >= text_.size() || !is_digit_of(text_[d], base)) break;
      end = d + 1;
    }
    return end;
  }

  void number() {
    const bool after_dot = at_ > 0 && text_[at_ - 1] == '.';
    size_t end = digits(at_, 10);
    bool real = false;
    if (!after_dot) {
      size_t fraction = end;
      if (end + 1 < text_.size() && text_[end] == '.' && is_digit_of(text_[end + 1], 10))
        fraction = digits(end + 1, 10);
      size_t exponent = fraction;
      if (exponent < text_.size() && (text_[exponent] | 0x20) == 'e') {
        size_t e = exponent + 1;
        if (sign_at(e)) ++e;
        if (e < text_.size() && is_digit_of(text_[e], 10)) exponent = digits(e, 10);
      }
      real = exponent > end;
      if (real) end = exponent;
    }
    real ? read_real(end) : read_whole();
  }

  std::string plain(size_t from, size_t end) const {
    std::string s(text_.substr(from, end - from));
    s.erase(std::remove(s.begin(), s.end(), '_'), s.end());
    return s;
  }

  void read_real(size_t end) {
    push(TokenKind::real);
    tokens_.back().real = std::strtod(plain(at_, end).c_str(), nullptr);
    advance(end);
  }

  void read_whole() {
    int base = 10;
    size_t from = at_;
    if (text_[at_] == '0' && at_ + 1 < text_.size()) {
      const char letter = static_cast<char>(text_[at_ + 1] | 0x20);
      const int other = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
      const size_t first = at_ + 2 < text_.size() && text_[at_ + 2] == '_' ? at_ + 3 : at_ + 2;
      if (other && first < text_.size() && is_digit_of(text_[first], other)) base = other, from = first;
    }
    size_t end = digits(from, base);
    if (base == 10 && text_[from] == '0') {  // a zero, or several, and nothing else
      end = from + 1;
      while (end < text_.size() &&
             (text_[end] == '0' || (text_[end] == '_' && end + 1 < text_.size() && text_[end + 1] == '0')))
        ++end;
    }
    Integer value = 0;
    for (const char c : plain(from, end)) {
      const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
      if (__builtin_mul_overflow(value, Integer{base}, &value) ||
          __builtin_add_overflow(value, Integer{digit}, &value)) {
        failure("an integer is too large (over 128 bits)");
      }
    }
    push(TokenKind::integer);
    tokens_.back().whole = value;
    advance(end);
  }

  void name() {
    size_t end = at_;
    while (end < text_.size()) {
      size_t next = end;
      const char32_t c = decode(text_, next);
      if (!is_word(c) && (c < 0x80 || !is_identifier(std::string("a").append(text_.substr(end, next - end)))))
        break;
      end = next;
    }
    std::string s(text_.substr(at_, end - at_));
    if (!is_identifier(s)) failure("Invalid character in identifier");
    push(TokenKind::name, std::move(s));
    advance(end);
  }

  void string(char quote) {
    size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote) end += text_[end] == '\\' ? 2 : 1;
    if (end >= text_.size())
      failure(fmt::format("unexpected char {} at {}: a string without end", repr(text_.substr(at_, 1)), at_));
    push(TokenKind::string, unescaped(text_.substr(at_ + 1, end - at_ - 1)));
    advance(end + 1);
  }

  char32_t code(std::string_view s, size_t& at, size_t most, int base, bool exact) const {
    char32_t c = 0;
    size_t n = 0;
    for (; n < most && at < s.size() && is_digit_of(s[at], base); ++n, ++at) {
      c = c * static_cast<char32_t>(base) +
          static_cast<char32_t>(s[at] <= '9' ? s[at] - '0' : (s[at] | 0x20) - 'a' + 10);
    }
    if (exact && n < most) failure("truncated escape in a string");
    if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) failure("an escape in a string is no Unicode character");
    return c;
  }

  // Python's unicode-escape.
  std::string unescaped(std::string_view s) const {
    std::string out;
    for (size_t at = 0; at < s.size();) {
      const char c = s[at++];
      if (c != '\\') {
        out += c;
        continue;
      }
      const char e = s[at++];
      static constexpr std::string_view kFrom = "\\'\"abfnrtv", kTo = "\\'\"\a\b\f\n\r\t\v";
      if (const size_t i = kFrom.find(e); i != kFrom.npos) {
        out += kTo[i];
      } else if (e == '\n') {
        // a line that goes on
      } else if (e == 'x' || e == 'u' || e == 'U') {
        append(out, code(s, at, e == 'x' ? 2 : e == 'u' ? 4 : 8, 16, true));
      } else if (e >= '0' && e <= '7') {
        append(out, code(s, --at, 3, 8, false));
      } else if (e == 'N') {
        failure("escapes by name (\\N{...}) are not supported");
      } else {
        (out += '\\') += e;
      }
    }
    return out;
  }

  void sign(std::string& open, char32_t first) {
    static constexpr std::string_view kTwo[] = {"//", "**", "==", "!=", ">=", "<="};
    size_t n = 0;
    for (std::string_view s : kTwo) {
      if (starts(s, at_)) n = 2;
    }
    if (n == 0 && std::string_view("+-/*%~[](){}><=.:|,;").find(text_[at_]) != std::string_view::npos) n = 1;
    if (n == 0) {
      std::string c;
      append(c, first);
      failure(fmt::format("unexpected char {} at {}", repr(c), at_));
    }
    const char c = text_[at_];
    if (n == 1 && (c == '{' || c == '(' || c == '[')) open += c == '{' ? '}' : c == '(' ? ')' : ']';
    if (n == 1 && (c == '}' || c == ')' || c == ']')) {
      if (open.empty()) failure(fmt::format("unexpected '{}'", c));
      if (open.back() != c) failure(fmt::format("unexpected '{}', expected '{}'", c, open.back()));
      open.pop_back();
    }
    push(TokenKind::sign, std::string(text_.substr(at_, n)));
    advance(at_ + n);
  }

  std::string source_;
  std::string_view text_;
  size_t at_ = 0, line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

}  // namespace ridge::jinja
