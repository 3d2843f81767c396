// Filters of strings and numbers.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/jinja_filters.h"
#include "text/jinja_methods.h"
#include "text/jinja_params.h"
#include "text/jinja_unicode.h"

namespace ridge::jinja {
namespace {

// markupsafe.soft_str: a str or Markup as it is, anything else as str().
Value soft(Run& run, const Value& v) { return v.is_text() ? v : run.text(to_string(run, v)); }

Value like(Run& run, const Value& soft, std::string utf8) {
  return run.text(std::move(utf8), soft.text().safe);
}

template <std::string (*kChange)(std::string_view)>
Value changed(Run& run, const Value& in, const Args& args) {
  Params("filter", args, {});
  const Value s = soft(run, in);
  run.work(s.str().size());
  return like(run, s, kChange(s.str()));
}

// Words begin after white space, "-", and opening brackets.
std::string title_words(std::string_view utf8) {
  std::string out;
  bool separators = false, start = true;
  size_t word = 0;
  const auto finish = [&](size_t end) {
    size_t at = word;
    if (word < end) decode(utf8, at);
    out += upper(utf8.substr(word, at - word)) + lower(utf8.substr(at, end - at));
    word = end;
  };
  for (size_t at = 0; at < utf8.size();) {
    const size_t from = at;
    const char32_t c = decode(utf8, at);
    const bool separator = is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
    if (!start && separator != separators) finish(from);
    separators = separator, start = false;
  }
  finish(utf8.size());
  return out;
}

Value string_filter(Run& run, const Value& in, const Args& args) {
  Params("string", args, {});
  return soft(run, in);
}

Value safe_filter(Run& run, const Value& in, const Args& args) {
  Params("safe", args, {});
  return run.text(to_string(run, in), true);
}

Value escape_filter(Run& run, const Value& in, const Args& args) {
  Params("escape", args, {});
  return escape(run, in);
}

Value force_escape(Run& run, const Value& in, const Args& args) {
  Params("forceescape", args, {});
  return run.text(escape_html(to_string(run, in)), true);
}

Value trim_filter(Run& run, const Value& in, const Args& args) {
  Params p("trim", args, {"chars"});
  const Value s = soft(run, in);
  return like(run, s, std::string(strip(s.str(), p.given(0) ? &p.text(0) : nullptr, true, true)));
}

Value replace_filter(Run& run, const Value& in, const Args& args) {
  Params p("replace", args, {"old", "new", "count"}, 2);
  return run.text(replace_text(run, to_string(run, in), to_string(run, p[0]), to_string(run, p[1]),
                               p.given(2) ? p.integer(2) : -1));
}

Value center_filter(Run& run, const Value& in, const Args& args) {
  Params p("center", args, {"width"});
  const Value s = soft(run, in);
  return like(run, s, center_text(run, s.text(), p.integer(0, 80), " "));
}

Value indent_filter(Run& run, const Value& in, const Args& args) {
  Params p("indent", args, {"width", "first", "blank"});
  if (in.is_undefined()) raise_undefined(in);
  if (!in.is_text()) raise("unsupported operand type(s) for +=: '{}' and 'str'", type_name(in));
  std::string indention;
  if (p.has(0) && p[0].is_text()) {
    indention = p.text(0);
  } else {
    const Integer width = p.integer(0, 4);
    if (width > static_cast<Integer>(run.limits().text_bytes))
      raise("an indent of {} is over the limit", decimal(width));
    indention.assign(static_cast<size_t>(std::max<Integer>(width, 0)), ' ');
  }
  const bool blank = p.truth(2, false);
  std::string out;
  const std::string text = in.str() + "\n";
  const auto lines = split_lines(run, text);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i) out += "\n";
    if (i ? blank || !lines[i].empty() : p.truth(1, false)) out += indention;
    out += lines[i];
    run.check_text(out.size());
  }
  return like(run, in, std::move(out));
}

Value truncate_filter(Run& run, const Value& in, const Args& args) {
  Params p("truncate", args, {"length", "killwords", "end", "leeway"});
  const Integer most = p.integer(0, 255), leeway = p.given(3) ? p.integer(3) : 5;
  const std::string end = p.has(2) ? p.text(2) : "...";
  const Integer end_length = static_cast<Integer>(count_code_points(end));
  if (most < end_length) raise("expected length >= {}, got {}", decimal(end_length), decimal(most));
  if (leeway < 0) raise("expected leeway >= 0, got {}", decimal(leeway));
  const auto have = length(in);
  if (!have) raise("object of type '{}' has no len()", type_name(in));
  if (static_cast<Integer>(*have) <= most + leeway) return in;
  if (!in.is_text()) raise("truncate: '{}' object is no string", type_name(in));
  const std::string_view cut =
      std::string_view(in.str()).substr(0, offset(in.str(), static_cast<size_t>(most - end_length)));
  const size_t space = p.truth(1, false) ? std::string_view::npos : cut.rfind(' ');
  return like(run, in, std::string(cut.substr(0, space)) + end);
}

Value word_count(Run& run, const Value& in, const Args& args) {
  Params("wordcount", args, {});
  const std::string s = to_string(run, in);
  Integer n = 0;
  bool inside = false;
  for (size_t at = 0; at < s.size();) {
    const bool word = is_word(decode(s, at));
    n += word && !inside;
    inside = word;
  }
  return Run::integer(n);
}

// textwrap.wrap of one line: words and white space take turns; words that are too long are broken.
std::vector<std::string> wrap_line(Run& run, std::string_view line, size_t width, bool break_words,
                                   bool break_hyphens) {
  std::vector<std::string> chunks;
  bool space = false;
  char32_t previous = 0, before_that = 0;
  for (size_t at = 0; at < line.size();) {
    const size_t from = at;
    const char32_t c = decode(line, at);
    const bool is_blank = c == ' ' || (c >= 9 && c <= 13);
    const bool after_hyphen = break_hyphens && previous == '-' && is_alpha(c) && is_alpha(before_that);
    if (chunks.empty() || is_blank != space || after_hyphen) chunks.emplace_back(), run.step();
    space = is_blank;
    chunks.back() += line.substr(from, at - from);
    before_that = previous, previous = c;
  }
  std::vector<std::string> lines;
  std::reverse(chunks.begin(), chunks.end());
  const auto blank = [](const std::string& s) { return strip_left(s).empty(); };
  while (!chunks.empty()) {
    run.step(1 + chunks.back().size() / 16);  // it is counted and moved anew for each line
    std::string current;
    size_t have = 0;
    std::vector<std::string> taken;
    if (!lines.empty() && blank(chunks.back())) chunks.pop_back();
    while (!chunks.empty()) {
      const size_t n = count_code_points(chunks.back());
      if (have + n > width) break;
      have += n;
      taken.push_back(std::move(chunks.back()));
      chunks.pop_back();
    }
    if (!chunks.empty() && count_code_points(chunks.back()) > width) {
      const size_t room = width < 1 ? 1 : width - have;
      std::string& word = chunks.back();
      if (break_words) {
        const size_t cut = offset(word, room);
        if (cut) taken.push_back(word.substr(0, cut));
        word.erase(0, cut);
      } else if (taken.empty()) {
        taken.push_back(std::move(word));
        chunks.pop_back();
      }
    }
    if (!taken.empty() && blank(taken.back())) taken.pop_back();
    for (const auto& t : taken) current += t;
    if (!taken.empty()) lines.push_back(std::move(current));
  }
  return lines;
}

Value word_wrap(Run& run, const Value& in, const Args& args) {
  Params p("wordwrap", args, {"width", "break_long_words", "wrapstring", "break_on_hyphens"});
  if (!in.is_text()) raise("'{}' object has no attribute 'splitlines'", type_name(in));
  const Integer width = p.integer(0, 79);
  if (width <= 0) raise("invalid width {} (must be > 0)", decimal(width));
  const size_t columns = static_cast<size_t>(std::min<Integer>(width, Integer{1} << 40));
  const std::string newline = p.given(2) ? p.text(2) : "\n";
  std::string out;
  bool first = true;
  for (std::string_view line : split_lines(run, in.str())) {
    if (!first) out += newline;
    first = false;
    bool first_part = true;
    for (const std::string& part : wrap_line(run, line, columns, p.truth(1, true), p.truth(3, true))) {
      if (!first_part) out += newline;
      first_part = false;
      out += part;
      run.check_text(out.size());
    }
  }
  return run.text(std::move(out));
}

Value format_filter(Run& run, const Value& in, const Args& args) {
  if (!args.positional.empty() && !args.named.empty()) {
    raise("can't handle positional and keyword arguments at the same time");
  }
  const Value pattern = soft(run, in);
  if (args.named.empty()) return percent_format(run, pattern, run.tuple(args.positional));
  auto dict = run.new_dict();
  for (const auto& [name, value] : args.named) run.put(*dict, run.text(name), value);
  return percent_format(run, pattern, Value(Kind::dict, std::move(dict)));
}

std::string quote_url(std::string_view utf8, bool query) {
  std::string out;
  for (const char c : utf8) {
    const auto u = static_cast<unsigned char>(c);
    if ((u < 0x80 && std::isalnum(u)) || std::string_view("_.-~").find(c) != std::string_view::npos ||
        (c == '/' && !query)) {
      out += c;
    } else if (c == ' ' && query) {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned>(u));
    }
  }
  return out;
}

Value url_encode(Run& run, const Value& in, const Args& args) {
  Params("urlencode", args, {});
  if (in.is_text() || !is_iterable(in)) return run.text(quote_url(to_string(run, in), false));
  std::string out;
  Cursor cursor(run, in.is(Kind::dict) ? run.view(View::items, in) : in);
  for (Value v; cursor.next(v);) {
    const auto pair = to_vector(run, v);
    if (pair.size() != 2) raise("expected pairs of key and value to encode");
    if (!out.empty()) out += '&';
    out += quote_url(to_string(run, pair[0]), true) + "=" + quote_url(to_string(run, pair[1]), true);
    run.check_text(out.size());
  }
  return run.text(std::move(out));
}

Value xml_attributes(Run& run, const Value& in, const Args& args) {
  Params p("xmlattr", args, {"autospace"});
  if (!in.is(Kind::dict)) raise("'{}' object has no attribute 'items'", type_name(in));
  std::string out;
  for (const auto& [key, value] : in.dict().items) {
    if (value.is_none() || value.is_undefined()) continue;
    if (!key.is_text()) raise("expected string or bytes-like object, got '{}'", type_name(key));
    if (key.str().find_first_of(" \t\n\r\f\v/>=") != std::string::npos) {
      raise("Invalid character in attribute name: {}", repr(key.str()));
    }
    if (!out.empty() || p.truth(0, true)) out += ' ';
    out += escape(run, key).str() + "=\"" + escape(run, value).str() + "\"";
    run.check_text(out.size());
  }
  return run.text(std::move(out));
}

std::string unescape_html(std::string_view text) {
  static const std::pair<std::string_view, std::string_view> kNames[] = {
      {"&amp;", "&"},  {"&lt;", "<"},  {"&gt;", ">"},   {"&quot;", "\""},
      {"&#34;", "\""}, {"&#39;", "'"}, {"&apos;", "'"}, {"&nbsp;", "\u00A0"}};
  std::string out;
  while (!text.empty()) {
    const auto* it = std::find_if(std::begin(kNames), std::end(kNames),
                                  [&](const auto& n) { return text.starts_with(n.first); });
    out += it != std::end(kNames) ? it->second : text.substr(0, 1);
    text.remove_prefix(it != std::end(kNames) ? it->first.size() : 1);
  }
  return out;
}

Value strip_tags(Run& run, const Value& in, const Args& args) {
  Params("striptags", args, {});
  std::string text = to_string(run, in);
  for (const auto& [open, close] :
       {std::pair<std::string_view, std::string_view>{"<!--", "-->"}, {"<", ">"}}) {
    std::string kept;
    size_t at = 0;
    for (size_t from; (from = find(text, open, at)) != text.npos;) {
      const size_t to = find(text, close, from + open.size());
      if (to == text.npos) break;
      kept.append(text, at, from - at);
      at = to + close.size();
    }
    text = kept + text.substr(at);
  }
  std::string out;
  for (std::string_view rest = strip(text, nullptr, true, true); !rest.empty(); rest = strip_left(rest)) {
    size_t end = 0;
    for (size_t at = 0; at < rest.size(); end = at) {
      if (is_space(decode(rest, at))) break;
    }
    if (!out.empty()) out += ' ';
    out += rest.substr(0, end);
    rest.remove_prefix(end);
    run.step();
  }
  return run.text(unescape_html(out));
}

// Python's int(text, base), float(text); nothing where they raise ValueError.
std::optional<Integer> parse_whole(std::string_view text, Integer base) {
  text = strip(text, nullptr, true, true);
  const bool minus = text.starts_with('-');
  if (minus || text.starts_with('+')) text.remove_prefix(1);
  const auto prefix = [&](char c, Integer b) {
    if ((base != b && base != 0) || text.size() < 3 || text[0] != '0' || (text[1] | 0x20) != c) return;
    text.remove_prefix(2), base = b;
    if (text[0] == '_') text.remove_prefix(1);
  };
  prefix('x', 16), prefix('o', 8), prefix('b', 2);
  if (base == 0) {
    if (text.size() > 1 && text[0] == '0' && text.find_first_not_of("0_") != text.npos) return std::nullopt;
    base = 10;
  }
  Integer value = 0;
  bool digit = false, overflow = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '_' && digit && i + 1 < text.size()) {
      digit = false;
      continue;
    }
    const int d = c >= '0' && c <= '9'                     ? c - '0'
                  : (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? (c | 0x20) - 'a' + 10
                                                           : 99;
    if (d >= base) return std::nullopt;
    digit = true;
    overflow = overflow || __builtin_mul_overflow(value, base, &value) ||
               __builtin_add_overflow(value, Integer{d}, &value);
  }
  if (!digit) return std::nullopt;
  if (overflow) raise("an integer is too large (over 128 bits)");
  return minus ? -value : value;
}

std::optional<double> parse_real(std::string_view given) {
  std::string text;
  given = strip(given, nullptr, true, true);
  for (size_t i = 0; i < given.size(); ++i) {
    const auto digit = [&](size_t k) { return k < given.size() && given[k] >= '0' && given[k] <= '9'; };
    if (given[i] == '_') {
      if (i == 0 || !digit(i - 1) || !digit(i + 1)) return std::nullopt;
      continue;
    }
    text += given[i];
  }
  std::string_view rest = text;
  const bool minus = rest.starts_with('-');
  if (minus || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest.empty() || rest[0] == '+' || rest[0] == '-') return std::nullopt;
  double d = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), d);
  if (error == std::errc::result_out_of_range) {
    d = std::strtod(std::string(rest).c_str(), nullptr);
  } else if (error != std::errc() || rest.find('(') != rest.npos) {
    return std::nullopt;
  }
  if (end != rest.data() + rest.size()) return std::nullopt;
  return minus ? -d : d;
}

std::optional<double> to_real(const Value& v) {
  if (v.is_undefined()) raise_undefined(v);
  if (v.is_number()) return v.number();
  return v.is_text() ? parse_real(v.str()) : std::nullopt;
}

Value whole_from(double d) {
  if (!(std::fabs(d) < 1.7e38)) raise("cannot convert float {} to integer", repr(d));
  return Run::integer(static_cast<Integer>(d));
}

Value int_filter(Run& run, const Value& in, const Args& args) {
  Params p("int", args, {"default", "base"});
  if (in.is_undefined()) raise_undefined(in);
  const Integer base = in.is_text() ? p.integer(1, 10) : 10;
  const Value otherwise = p.has(0) ? p[0] : Run::integer(0);
  if (in.is_whole()) return Run::integer(in.whole());
  if (in.is(Kind::real) && !std::isnan(in.real)) return whole_from(in.real);
  if (in.is_text() && (base == 0 || (base >= 2 && base <= 36))) {
    run.work(in.str().size());
    if (const auto i = parse_whole(in.str(), base)) return Run::integer(*i);
  }
  const auto d = to_real(in);
  return d && std::isfinite(*d) ? whole_from(*d) : otherwise;
}

Value float_filter(Run&, const Value& in, const Args& args) {
  Params p("float", args, {"default"});
  const auto d = to_real(in);
  return d ? Value(*d) : p.has(0) ? p[0] : Value(0.0);
}

Value abs_filter(Run&, const Value& in, const Args& args) {
  Params("abs", args, {});
  if (in.is_undefined()) raise_undefined(in);
  if (!in.is_number()) raise("bad operand type for abs(): '{}'", type_name(in));
  if (in.is(Kind::real)) return Value(std::fabs(in.real));
  return in.whole() < 0 ? negate(in, true) : Run::integer(in.whole());
}

// Python's round(): to even, and exact on the decimal digits.
Value rounded(const Value& in, Integer digits) {
  if (in.is(Kind::real)) {
    if (!std::isfinite(in.real) || digits > 330) return in;
    if (digits < -330) return Value(std::copysign(0.0, in.real));
    if (digits >= 0)
      return Value(std::strtod(fmt::format("{:.{}f}", in.real, static_cast<int>(digits)).c_str(), nullptr));
    const double power = std::pow(10.0, static_cast<double>(-digits));
    return Value(std::nearbyint(in.real / power) * power);
  }
  if (digits >= 0) return Run::integer(in.whole());
  if (digits < -38) return Run::integer(0);
  Integer power = 1;
  for (Integer i = 0; i < -digits; ++i) power *= 10;
  const Integer i = in.whole();
  Integer down = i / power, rest = i % power;
  if (rest < 0) rest += power, --down;
  const bool up = rest > power - rest || (rest == power - rest && down % 2 != 0);
  Integer out;
  if (__builtin_mul_overflow(down + up, power, &out)) raise("an integer is too large (over 128 bits)");
  return Run::integer(out);
}

Value round_filter(Run& run, const Value& in, const Args& args) {
  Params p("round", args, {"precision", "method"});
  const std::string method = p.has(1) ? to_string(run, p[1]) : "common";
  if (method != "common" && method != "ceil" && method != "floor")
    raise("method must be common, ceil or floor");
  if (in.is_undefined()) raise_undefined(in);
  if (!in.is_number()) raise("type {} doesn't define __round__ method", type_name(in));
  const Integer precision = p.given(0) ? p.integer(0) : 0;
  if (method == "common") {
    if (p.has(0) && p[0].is_none() && in.is(Kind::real)) return whole_from(std::nearbyint(in.real));
    return rounded(in, precision);
  }
  const Value power = binary(run, Op::pow, Run::integer(10), Run::integer(precision));
  const Value scaled = binary(run, Op::mul, in, power);
  const Value whole = scaled.is(Kind::real)
                          ? whole_from(method == "ceil" ? std::ceil(scaled.real) : std::floor(scaled.real))
                          : scaled;
  return binary(run, Op::div, whole, power);
}

Value file_size(Run& run, const Value& in, const Args& args) {
  Params p("filesizeformat", args, {"binary"});
  const auto given = to_real(in);
  if (!given) raise("could not convert {} to float", repr(run, in).substr(0, 80));
  const bool binary = p.truth(0, false);
  const double base = binary ? 1024 : 1000;
  if (*given == 1) return run.text("1 Byte");
  if (*given < base) return run.text(decimal(whole_from(*given).integer) + " Bytes");
  constexpr std::string_view kLetters = "kMGTPEZY";
  double unit = base;
  for (size_t i = 0;; ++i) {
    unit *= base;
    if (*given >= unit && i + 1 < kLetters.size()) continue;
    const char letter = binary && i == 0 ? 'K' : kLetters[i];
    return run.text(fmt::format("{:.1f} {}{}", base * *given / unit, letter, binary ? "iB" : "B"));
  }
}

Value tojson_filter(Run& run, const Value& in, const Args& args) {
  Params p("tojson", args, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ascii = p.truth(0, false), style.sort = p.truth(3, false);
  if (p.given(1)) {
    if (p[1].is_text()) {
      style.indent = p.text(1);
    } else {
      const Integer width = p.integer(1);
      if (width > 1000) raise("tojson: an indent of {} is over 1000", decimal(width));
      style.indent = std::string(static_cast<size_t>(std::max<Integer>(width, 0)), ' ');
    }
    style.item_separator = ",";
  }
  if (p.given(2)) {
    const auto two = to_vector(run, p[2]);
    if (two.size() != 2 || !two[0].is_text() || !two[1].is_text())
      raise("tojson: separators are two strings");
    style.item_separator = two[0].str(), style.key_separator = two[1].str();
  }
  return run.text(to_json(run, in, style));
}

Value urlize(Run&, const Value&, const Args&) { raise("the urlize filter makes HTML and is not offered"); }

}  // namespace

const FilterTable& text_filters() {
  static const FilterTable table = {{"upper", changed<upper>},
                                    {"lower", changed<lower>},
                                    {"capitalize", changed<capitalize>},
                                    {"title", changed<title_words>},
                                    {"string", string_filter},
                                    {"safe", safe_filter},
                                    {"e", escape_filter},
                                    {"escape", escape_filter},
                                    {"forceescape", force_escape},
                                    {"trim", trim_filter},
                                    {"replace", replace_filter},
                                    {"center", center_filter},
                                    {"indent", indent_filter},
                                    {"truncate", truncate_filter},
                                    {"wordcount", word_count},
                                    {"wordwrap", word_wrap},
                                    {"format", format_filter},
                                    {"urlencode", url_encode},
                                    {"xmlattr", xml_attributes},
                                    {"striptags", strip_tags},
                                    {"int", int_filter},
                                    {"float", float_filter},
                                    {"abs", abs_filter},
                                    {"round", round_filter},
                                    {"filesizeformat", file_size},
                                    {"tojson", tojson_filter},
                                    {"urlize", urlize}};
  return table;
}

}  // namespace ridge::jinja
