// Formatting of numbers and strings: "%", str.format and the format specification mini-language of Python.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "text/jinja_unicode.h"
#include "text/jinja_value.h"

namespace ridge::jinja {
namespace {

constexpr int kMost = 1'000'000;  // width, precision

struct Spec {
  std::string fill = " ";
  char align = 0, sign = '-', group = 0, type = 0;
  bool alternate = false, zero = false;
  int width = 0, precision = -1;
};

int read_number(std::string_view text, size_t& at) {
  int n = 0;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
    n = n * 10 + (text[at++] - '0');
    if (n > kMost) raise("a width or precision over {}", kMost);
  }
  return n;
}

std::string c_format(double d, char type, int precision, bool alternate) {
  const char pattern[] = {
      '%', alternate ? '#' : '.', alternate ? '.' : '*', alternate ? '*' : type, alternate ? type : '\0',
      '\0'};
  const int n = std::snprintf(nullptr, 0, pattern, precision, d);
  std::string out(static_cast<size_t>(n), '\0');
  std::snprintf(out.data(), out.size() + 1, pattern, precision, d);
  return out;
}

// A number without its sign.
std::string magnitude(double d, char type, int precision, bool alternate) {
  d = std::fabs(d);
  const bool capitals = type == 'E' || type == 'F' || type == 'G';
  if (std::isnan(d)) return capitals ? "NAN" : "nan";
  if (std::isinf(d)) return capitals ? "INF" : "inf";
  if (type == '%') return c_format(d * 100, 'f', precision < 0 ? 6 : precision, alternate) + "%";
  if (type) return c_format(d, type == 'n' ? 'g' : type, precision < 0 ? 6 : precision, alternate);
  if (precision < 0) return repr(d);
  // No type: like 'g', but with a digit after the point, which counts.
  if (precision == 0) precision = 1;
  const std::string scientific = c_format(d, 'e', precision - 1, false);
  const int exponent = d == 0 ? 0 : std::atoi(scientific.c_str() + scientific.find('e') + 1);
  if (exponent < -4 || exponent + 1 > precision - 1) {
    std::string digits = scientific.substr(0, scientific.find('e'));
    if (digits.find('.') != digits.npos) {
      digits.erase(digits.find_last_not_of('0') + 1);
      if (digits.back() == '.') digits.pop_back();
    }
    return digits + scientific.substr(scientific.find('e'));
  }
  const std::string out = c_format(d, 'g', precision, false);
  return out.find('.') == out.npos ? out + ".0" : out;
}

std::string magnitude(Integer i, unsigned base, bool capitals) {
  auto rest = i < 0 ? -static_cast<unsigned __int128>(i) : static_cast<unsigned __int128>(i);
  std::string out;
  do {
    out += (capitals ? "0123456789ABCDEF" : "0123456789abcdef")[static_cast<size_t>(rest % base)];
    rest /= base;
  } while (rest);
  std::reverse(out.begin(), out.end());
  return out;
}

std::string grouped(const std::string& digits, char separator) {
  const size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
  std::string out;
  for (size_t i = 0; i < whole; ++i) {
    if (i && (whole - i) % 3 == 0) out += separator;
    out += digits[i];
  }
  return out + digits.substr(whole);
}

std::string pad(const std::string& text, const Spec& spec, char align, const std::string& sign = "") {
  const size_t have = count_code_points(text) + sign.size();
  const size_t lack = static_cast<size_t>(spec.width) > have ? static_cast<size_t>(spec.width) - have : 0;
  const size_t left = align == '<' || align == '=' ? 0 : align == '^' ? lack / 2 : lack;
  std::string out;
  const auto fill = [&](size_t n) {
    for (size_t i = 0; i < n; ++i) out += spec.fill;
  };
  fill(left);
  out += sign;
  if (align == '=') fill(lack);
  out += text;
  if (align != '=') fill(lack - left);
  return out;
}

Spec parse_spec(std::string_view text) {
  Spec spec;
  size_t at = 0;
  const auto is_align = [](char c) { return c == '<' || c == '>' || c == '=' || c == '^'; };
  size_t after_fill = 0;
  if (!text.empty()) decode(text, after_fill);
  if (after_fill && after_fill < text.size() && is_align(text[after_fill])) {
    spec.fill = text.substr(0, after_fill), spec.align = text[after_fill], at = after_fill + 1;
  } else if (!text.empty() && is_align(text[0])) {
    spec.align = text[at++];
  }
  const auto take = [&](std::string_view any) {
    return at < text.size() && any.find(text[at]) != any.npos ? text[at++] : '\0';
  };
  if (const char c = take("+- ")) spec.sign = c;
  spec.alternate = take("#");
  spec.zero = take("0");
  if (spec.zero && !spec.align) spec.align = '=', spec.fill = "0";
  spec.width = read_number(text, at);
  spec.group = take(",_");
  if (take(".")) {
    if (at >= text.size() || text[at] < '0' || text[at] > '9') raise("Format specifier missing precision");
    spec.precision = read_number(text, at);
  }
  spec.type = take("bcdeEfFgGnosxX%");
  if (at != text.size()) raise("Invalid format specifier");
  return spec;
}

std::string format_number(const Value& v, const Spec& spec) {
  const bool whole =
      v.is_whole() && (!spec.type || std::string_view("bcdnoxX").find(spec.type) != std::string_view::npos);
  std::string sign =
      v.is_whole() ? (v.whole() < 0 ? "-" : "") : (std::signbit(v.real) && !std::isnan(v.real) ? "-" : "");
  if (sign.empty() && spec.sign != '-') sign = spec.sign;
  std::string text;
  if (whole) {
    if (spec.precision >= 0) raise("Precision not allowed in integer format specifier");
    if (spec.type == 'c') {
      if (v.whole() < 0 || v.whole() > 0x10FFFF) raise("%c arg not in range(0x110000)");
      append(text, static_cast<char32_t>(v.whole()));
      return pad(text, spec, spec.align ? spec.align : '<');
    }
    const unsigned base = spec.type == 'b'                       ? 2
                          : spec.type == 'o'                     ? 8
                          : spec.type == 'x' || spec.type == 'X' ? 16
                                                                 : 10;
    text = magnitude(v.whole(), base, spec.type == 'X');
    if (spec.alternate && base != 10) sign += std::string("0") + spec.type;
  } else {
    if (std::string_view("bcdosxX").find(spec.type) != std::string_view::npos && spec.type) {
      raise("Unknown format code '{}' for object of type '{}'", spec.type, type_name(v));
    }
    text = magnitude(v.number(), spec.type, spec.precision, spec.alternate);
  }
  if (spec.group) text = grouped(text, spec.group);
  return pad(text, spec, spec.align ? spec.align : '>', sign);
}

std::string format_value(Run& run, const Value& v, const std::string& text) {
  if (text.empty()) return to_string(run, v);
  if (!v.is_text() && !v.is_number())
    raise("unsupported format string passed to {}.__format__", type_name(v));
  const Spec spec = parse_spec(text);
  run.check_text(static_cast<size_t>(spec.width) * 4);
  if (v.is_number()) {
    if (spec.type == 's') raise("Unknown format code 's' for object of type '{}'", type_name(v));
    return format_number(v, spec);
  }
  if (spec.type && spec.type != 's') raise("Unknown format code '{}' for object of type 'str'", spec.type);
  if (spec.align == '=' && !spec.zero) raise("'=' alignment not allowed in string format specifier");
  if (spec.sign != '-') raise("Sign not allowed in string format specifier");
  std::string s = v.str();
  if (spec.precision >= 0) s.resize(offset(s, static_cast<size_t>(spec.precision)));
  return pad(s, spec, spec.align && spec.align != '=' ? spec.align : '<');
}

// Reads one conversion of "%" after another.
class Percent {
 public:
  Percent(Run& run, const Value& pattern, const Value& args)
      : run_(run), text_(pattern.str()), safe_(pattern.text().safe), args_(args) {}

  std::string result() {
    std::string out;
    while (at_ < text_.size()) {
      const size_t sign = std::min(text_.find('%', at_), text_.size());
      out.append(text_, at_, sign - at_);
      at_ = sign;
      if (at_ < text_.size()) ++at_, out += conversion();
      run_.check_text(out.size());
    }
    const bool mapping =
        args_.is(Kind::dict) || args_.is(Kind::list) || args_.is(Kind::range) || args_.is_undefined();
    if (next_ < (args_.is(Kind::tuple) ? args_.items().size() : 1) && !mapping) {
      raise("not all arguments converted during string formatting");
    }
    return out;
  }

 private:
  const Value& next() {
    const size_t n = next_++;
    if (args_.is(Kind::tuple) ? n >= args_.items().size() : n > 0)
      raise("not enough arguments for format string");
    return args_.is(Kind::tuple) ? args_.items()[n] : args_;
  }

  char peek() const {
    if (at_ >= text_.size()) raise("incomplete format");
    return text_[at_];
  }

  int number() {
    if (peek() != '*') return read_number(text_, at_);
    ++at_;
    const Value& v = next();
    if (!v.is_whole() || v.whole() > kMost || v.whole() < -kMost) raise("* wants int");
    return static_cast<int>(v.whole());
  }

  std::string conversion() {
    std::optional<Value> named;
    if (peek() == '(') {
      const size_t close = text_.find(')', at_);
      if (close == text_.npos) raise("incomplete format key");
      if (!args_.is(Kind::dict)) raise("format requires a mapping");
      const Value* v = args_.dict().find(std::string_view(text_).substr(at_ + 1, close - at_ - 1));
      if (!v) raise("KeyError: {}", repr(std::string_view(text_).substr(at_ + 1, close - at_ - 1)));
      named = *v, at_ = close + 1;
    }
    Spec spec;
    spec.align = '>';
    for (; peek() && std::string_view("-+ #0").find(peek()) != std::string_view::npos; ++at_) {
      const char c = peek();
      if (c == '-') spec.align = '<';
      if (c == '+' || (c == ' ' && spec.sign != '+')) spec.sign = c;
      if (c == '#') spec.alternate = true;
      if (c == '0') spec.zero = true;
    }
    spec.width = number();
    if (spec.width < 0) spec.align = '<', spec.width = -spec.width;
    if (peek() == '.') ++at_, spec.precision = std::max(number(), 0);
    while (peek() == 'l' || peek() == 'h' || peek() == 'L') ++at_;
    spec.type = text_[at_++];
    if (spec.type == '%') return "%";
    const Value v = named ? *named : next();
    return convert(v, spec);
  }

  std::string convert(const Value& v, Spec spec) {
    switch (spec.type) {
      case 's':
      case 'r':
      case 'a': {
        std::string s = spec.type == 's' ? to_string(run_, v) : repr(run_, v);
        if (safe_ && !(v.is_text() && v.text().safe)) s = escape_html(s);
        if (spec.precision >= 0) s.resize(offset(s, static_cast<size_t>(spec.precision)));
        return pad(s, spec, spec.align);
      }
      case 'c':
        if (v.is_text() && v.text().length == 1) return pad(v.str(), spec, spec.align);
        if (!v.is_whole()) raise("%c requires int or char");
        return format_number(v, spec);
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o':
        return whole(v, spec);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        if (v.is_undefined()) raise_undefined(v);
        if (!v.is_number()) raise("must be real number, not {}", type_name(v));
        if (spec.zero && spec.align == '>') spec.fill = "0", spec.align = '=';
        return format_number(Value(v.number()), spec);
      default:
        raise("unsupported format character at index {}", at_ - 1);
    }
  }

  std::string whole(const Value& v, Spec spec) {
    if (v.is_undefined()) raise_undefined(v);
    if (!v.is_number() || (v.is(Kind::real) && (spec.type == 'x' || spec.type == 'X' || spec.type == 'o'))) {
      raise("%{} format: a real number is required, not {}", spec.type, type_name(v));
    }
    if (v.is(Kind::real) && !(std::fabs(v.real) < 1e38))
      raise("cannot convert float {} to integer", repr(v.real));
    const Integer i = v.is(Kind::real) ? static_cast<Integer>(v.real) : v.whole();
    const unsigned base = spec.type == 'o' ? 8 : spec.type == 'x' || spec.type == 'X' ? 16 : 10;
    std::string digits = magnitude(i, base, spec.type == 'X');
    if (static_cast<int>(digits.size()) < spec.precision)
      digits.insert(0, static_cast<size_t>(spec.precision) - digits.size(), '0');
    std::string sign = i < 0 ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
    if (spec.alternate && base != 10) sign += std::string("0") + spec.type;
    if (spec.zero && spec.align == '>') spec.fill = "0", spec.align = '=';
    return pad(digits, spec, spec.align, sign);
  }

  Run& run_;
  const std::string& text_;
  const bool safe_;
  const Value& args_;
  size_t at_ = 0, next_ = 0;
};

// str.format with a sandbox's look-up: attributes and items of data only.
class Braces {
 public:
  Braces(Run& run, const Args& args, const Value* mapping, bool safe)
      : run_(run), args_(args), mapping_(mapping), safe_(safe) {}

  std::string result(std::string_view text, int nesting = 2) {
    if (nesting < 0) raise("Max string recursion exceeded");
    std::string out;
    for (size_t at = 0; at < text.size();) {
      const char c = text[at++];
      if ((c == '{' || c == '}') && at < text.size() && text[at] == c && nesting == 2) {
        out += c, ++at;
      } else if (c == '}') {
        raise("Single '}}' encountered in format string");
      } else if (c == '{') {
        const size_t end = closing(text, at);
        out += field(text.substr(at, end - at), nesting);
        at = end + 1;
        run_.check_text(out.size());
      } else {
        out += c;
      }
      if (at % 64 == 0) run_.check_text(out.size()), run_.step();
    }
    run_.check_text(out.size());
    return out;
  }

 private:
  static size_t closing(std::string_view text, size_t at) {
    for (int open = 1; at < text.size(); ++at) {
      if (text[at] == '{') ++open;
      if (text[at] == '}' && --open == 0) return at;
    }
    raise("{}", at >= text.size() && at == 1 ? "Single '{' encountered in format string"
                                             : "expected '}' before end of string");
  }

  std::string field(std::string_view text, int nesting) {
    size_t end = 0;
    for (bool brackets = false; end < text.size(); ++end) {
      if (text[end] == '[') brackets = true;
      if (text[end] == ']') brackets = false;
      if (!brackets && (text[end] == '!' || text[end] == ':')) break;
    }
    Value v = lookup(text.substr(0, end));
    if (end < text.size() && text[end] == '!') {
      const char kind = end + 1 < text.size() ? text[end + 1] : '\0';
      if (kind != 's' && kind != 'r' && kind != 'a') raise("Unknown conversion specifier");
      v = run_.text(kind == 's' ? to_string(run_, v) : repr(run_, v));
      end += 2;
      if (end < text.size() && text[end] != ':') raise("expected ':' after conversion specifier");
    }
    const std::string spec = end < text.size() ? result(text.substr(end + 1), nesting - 1) : "";
    const std::string s = format_value(run_, v, spec);
    return safe_ && !(v.is_text() && v.text().safe) ? escape_html(s) : s;
  }

  Value lookup(std::string_view name) {
    size_t end = std::min(name.find_first_of(".["), name.size());
    Value v = first(std::string(name.substr(0, end)));
    while (end < name.size()) {
      if (name[end] == '.') {
        const size_t from = end + 1;
        end = std::min(name.find_first_of(".[", from), name.size());
        if (end == from) raise("Empty attribute in format string");
        v = attribute(run_, v, std::string(name.substr(from, end - from)));
      } else {
        const size_t close = name.find(']', end);
        if (name[end] != '[' || close == name.npos) raise("Missing ']' in format string");
        v = item(run_, v, key(std::string(name.substr(end + 1, close - end - 1))));
        end = close + 1;
      }
    }
    return v;
  }

  static bool is_number(const std::string& s) {
    return !s.empty() && s.size() < 10 && s.find_first_not_of("0123456789") == s.npos;
  }

  Value key(const std::string& s) { return is_number(s) ? Run::integer(std::atoi(s.c_str())) : run_.text(s); }

  Value first(const std::string& name) {
    if (name.empty() || is_number(name)) {
      if (name.empty() ? manual_ : automatic_)
        raise("cannot switch between manual field specification and automatic field numbering");
      (name.empty() ? automatic_ : manual_) = true;
      const size_t i = name.empty() ? next_++ : static_cast<size_t>(std::atoi(name.c_str()));
      if (i >= args_.positional.size())
        raise("Replacement index {} out of range for positional args tuple", i);
      return args_.positional[i];
    }
    if (mapping_) {
      const Value v = item(run_, *mapping_, run_.text(name));
      if (!v.is_undefined()) return v;
    }
    for (const auto& [n, v] : args_.named) {
      if (n == name) return v;
    }
    raise("KeyError: {}", repr(name));
  }

  Run& run_;
  const Args& args_;
  const Value* mapping_;
  const bool safe_;
  size_t next_ = 0;
  bool manual_ = false, automatic_ = false;
};

}  // namespace

Value percent_format(Run& run, const Value& pattern, const Value& args) {
  run.work(pattern.str().size());
  return run.text(Percent(run, pattern, args).result(), pattern.text().safe);
}

Value str_format(Run& run, const Value& pattern, const Args& args, const Value* mapping) {
  run.work(pattern.str().size());
  const bool safe = pattern.text().safe;
  return run.text(Braces(run, args, mapping, safe).result(pattern.str()), safe);
}

std::string escape_html(std::string_view utf8) {
  std::string out;
  for (char c : utf8) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

Value escape(Run& run, const Value& v) {
  if (v.is_text() && v.text().safe) return v;
  return run.text(escape_html(to_string(run, v)), true);
}

}  // namespace ridge::jinja
