// The methods of str.
#include <algorithm>

#include "text/jinja_methods.h"
#include "text/jinja_params.h"
#include "text/jinja_unicode.h"

namespace ridge::jinja {
namespace {

using View_ = std::string_view;

Value make(Run& run, const Value& self, View_ utf8) { return run.text(std::string(utf8), self.text().safe); }

Value number(size_t n) { return Run::integer(static_cast<Integer>(n)); }

void no_arguments(const char* name, const Args& args) { Params(name, args, {}); }

template <std::string (*kChange)(View_)>
Value changed(Run& run, const Value& self, const Args& args) {
  no_arguments("str method", args);
  run.work(self.str().size());
  return make(run, self, kChange(self.str()));
}

// str.isalpha and its like: all characters, and at least one.
template <bool (*kIs)(char32_t)>
Value all_are(Run& run, const Value& self, const Args& args) {
  no_arguments("str method", args);
  run.work(self.str().size());
  const std::string& s = self.str();
  for (size_t at = 0; at < s.size();) {
    if (!kIs(decode(s, at))) return Value(false);
  }
  return Value(!s.empty());
}

// At least one cased character, and all cased ones as asked.
template <bool (*kIs)(char32_t), bool (*kIsNot)(char32_t)>
Value cased(Run& run, const Value& self, const Args& args) {
  no_arguments("str method", args);
  run.work(self.str().size());
  const std::string& s = self.str();
  bool any = false;
  for (size_t at = 0; at < s.size();) {
    const char32_t c = decode(s, at);
    if (kIsNot(c) || is_title(c)) return Value(false);
    any = any || kIs(c);
  }
  return Value(any);
}

Value is_title_case(Run& run, const Value& self, const Args& args) {
  no_arguments("istitle", args);
  run.work(self.str().size());
  const std::string& s = self.str();
  bool any = false, inside = false;
  for (size_t at = 0; at < s.size();) {
    const char32_t c = decode(s, at);
    const bool capital = is_upper(c) || is_title(c), small = is_lower(c);
    if ((capital && inside) || (small && !inside)) return Value(false);
    inside = capital || small;
    any = any || inside;
  }
  return Value(any);
}

template <bool kLeft, bool kRight>
Value stripped(Run& run, const Value& self, const Args& args) {
  Params p("strip", args, {""});
  run.work(self.str().size());
  return make(run, self, strip(self.str(), p.given(0) ? &p.text(0) : nullptr, kLeft, kRight));
}

// The part of a string that start and end leave, for find, count, startswith ...
struct Window {
  View_ text;
  size_t before;  // code points
  bool beyond;    // start is past the end: not even "" is there
};

Window window(Run& run, const Value& self, const Params& p, size_t start_at) {
  const Text& t = self.text();
  run.work(t.utf8.size());
  const Integer n = static_cast<Integer>(t.length);
  const auto bound = [&](size_t i, Integer otherwise) {
    if (!p.given(i)) return otherwise;
    const Integer v = p.integer(i);
    return v < 0 ? std::max<Integer>(v + n, 0) : v;
  };
  const Integer start = bound(start_at, 0), end = std::min(bound(start_at + 1, n), n);
  if (start > end) return {"", 0, true};
  const size_t from = offset(t.utf8, static_cast<size_t>(start)),
               to = offset(t.utf8, static_cast<size_t>(end));
  return {View_(t.utf8).substr(from, to - from), static_cast<size_t>(start), false};
}

template <bool kLast, bool kMust>
Value found(Run& run, const Value& self, const Args& args) {
  Params p("find", args, {"", "", ""}, 1);
  const Window w = window(run, self, p, 1);
  const size_t at = w.beyond ? View_::npos : kLast ? find_last(w.text, p.text(0)) : find(w.text, p.text(0));
  if (at == View_::npos) {
    if (kMust) raise("substring not found");
    return Run::integer(-1);
  }
  return number(w.before + count_code_points(w.text.substr(0, at)));
}

Value count(Run& run, const Value& self, const Args& args) {
  Params p("count", args, {"", "", ""}, 1);
  const Window w = window(run, self, p, 1);
  const std::string& part = p.text(0);
  if (w.beyond) return number(0);
  if (part.empty()) return number(count_code_points(w.text) + 1);
  size_t n = 0;
  for (size_t at = 0; (at = find(w.text, part, at)) != View_::npos; at += part.size()) run.step(), ++n;
  return number(n);
}

template <bool kEnd>
Value starts_or_ends(Run& run, const Value& self, const Args& args) {
  Params p(kEnd ? "endswith" : "startswith", args, {"", "", ""}, 1);
  const Window w = window(run, self, p, 1);
  const auto has = [&](const Value& part) {
    if (!part.is_text()) {
      raise("{} first arg must be str or a tuple of str, not {}", kEnd ? "endswith" : "startswith",
            type_name(part));
    }
    run.step();
    return !w.beyond && (kEnd ? w.text.ends_with(part.str()) : w.text.starts_with(part.str()));
  };
  if (!p[0].is(Kind::tuple)) return Value(has(p[0]));
  bool any = false;
  for (const Value& part : p[0].items()) any = any || has(part);
  return Value(any);
}

Value split_space(Run& run, const Value& self, Integer most) {
  std::vector<Value> out;
  View_ rest = strip_left(self.str());
  while (!rest.empty()) {
    if (most >= 0 && static_cast<Integer>(out.size()) == most) {
      out.push_back(make(run, self, rest));
      break;
    }
    size_t end = 0;
    for (size_t at = 0; at < rest.size(); end = at) {
      if (is_space(decode(rest, at))) break;
    }
    run.check_items(out.size());
    out.push_back(make(run, self, rest.substr(0, end)));
    rest = strip_left(rest.substr(end));
  }
  return run.list(std::move(out));
}

Value rsplit_space(Run& run, const Value& self, Integer most) {
  std::vector<Value> out;
  View_ rest = strip_right(self.str());
  while (!rest.empty()) {
    if (most >= 0 && static_cast<Integer>(out.size()) == most) {
      out.push_back(make(run, self, rest));
      break;
    }
    size_t begin = rest.size();
    while (begin > 0) {
      size_t at = begin;
      do --at;
      while (at > 0 && (static_cast<unsigned char>(rest[at]) & 0xC0) == 0x80);
      size_t p = at;
      if (is_space(decode(rest, p))) break;
      begin = at;
    }
    run.check_items(out.size());
    out.push_back(make(run, self, rest.substr(begin)));
    rest = strip_right(rest.substr(0, begin));
  }
  std::reverse(out.begin(), out.end());
  return run.list(std::move(out));
}

template <bool kRight>
Value split(Run& run, const Value& self, const Args& args) {
  Params p("split", args, {"sep", "maxsplit"});
  const Integer most = p.integer(1, -1);
  run.work(self.str().size());
  if (!p.given(0)) return kRight ? rsplit_space(run, self, most) : split_space(run, self, most);
  const std::string& separator = p.text(0);
  if (separator.empty()) raise("empty separator");
  std::vector<Value> out;
  View_ rest = self.str();
  while (most < 0 || static_cast<Integer>(out.size()) < most) {
    const size_t at = kRight ? find_last(rest, separator) : find(rest, separator);
    if (at == View_::npos) break;
    run.check_items(out.size());
    run.work(kRight && separator.size() > 32 ? rest.size() : 0);
    out.push_back(make(run, self, kRight ? rest.substr(at + separator.size()) : rest.substr(0, at)));
    rest = kRight ? rest.substr(0, at) : rest.substr(at + separator.size());
  }
  out.push_back(make(run, self, rest));
  if (kRight) std::reverse(out.begin(), out.end());
  return run.list(std::move(out));
}

template <bool kLast>
Value partition(Run& run, const Value& self, const Args& args) {
  Params p("partition", args, {""}, 1);
  const std::string &s = self.str(), &separator = p.text(0);
  if (separator.empty()) raise("empty separator");
  run.work(s.size());
  const size_t at = kLast ? find_last(s, separator) : find(s, separator);
  const Value none = make(run, self, ""), all = make(run, self, s);
  if (at == View_::npos) return kLast ? run.tuple({none, none, all}) : run.tuple({all, none, none});
  return run.tuple({make(run, self, View_(s).substr(0, at)), make(run, self, separator),
                    make(run, self, View_(s).substr(at + separator.size()))});
}

Value split_lines_method(Run& run, const Value& self, const Args& args) {
  Params p("splitlines", args, {"keepends"});
  std::vector<Value> out;
  for (View_ line : split_lines(run, self.str(), p.truth(0, false))) out.push_back(make(run, self, line));
  return run.list(std::move(out));
}

Value replace_method(Run& run, const Value& self, const Args& args) {
  Params p("replace", args, {"", "", ""}, 2);
  const Value with = self.text().safe ? escape(run, p[1]) : p[1];
  p.text(1);
  return make(run, self, replace_text(run, self.str(), p.text(0), with.str(), p.integer(2, -1)));
}

Value join_method(Run& run, const Value& self, const Args& args) {
  Params p("join", args, {""}, 1);
  const bool safe = self.text().safe;
  std::string out;
  Cursor cursor(run, p[0]);
  size_t n = 0;
  for (Value v; cursor.next(v); ++n) {
    if (!v.is_text() && !safe) raise("sequence item {}: expected str instance, {} found", n, type_name(v));
    if (n) out += self.str();
    out += safe ? escape(run, v).str() : v.str();
    run.check_text(out.size());
  }
  return make(run, self, out);
}

enum class Side { left, right, center };

template <Side kSide>
Value justified(Run& run, const Value& self, const Args& args) {
  Params p("ljust", args, {"", ""}, 1);
  const std::string fill = p.has(1) ? p.text(1) : " ";
  if (count_code_points(fill) != 1) raise("The fill character must be exactly one character long");
  return make(run, self,
              kSide == Side::center ? center_text(run, self.text(), p.integer(0), fill)
              : kSide == Side::left ? pad_text(run, self.text(), p.integer(0), fill, false)
                                    : pad_text(run, self.text(), p.integer(0), fill, true));
}

Value zero_fill(Run& run, const Value& self, const Args& args) {
  Params p("zfill", args, {""}, 1);
  const std::string& s = self.str();
  std::string out = pad_text(run, self.text(), p.integer(0), "0", true);
  if (out.size() > s.size() && !s.empty() && (s[0] == '+' || s[0] == '-')) {
    std::swap(out[0], out[out.size() - s.size()]);
  }
  return make(run, self, out);
}

Value remove_prefix(Run& run, const Value& self, const Args& args) {
  Params p("removeprefix", args, {""}, 1);
  const View_ s = self.str();
  return make(run, self, s.starts_with(p.text(0)) ? s.substr(p.text(0).size()) : s);
}

Value remove_suffix(Run& run, const Value& self, const Args& args) {
  Params p("removesuffix", args, {""}, 1);
  const View_ s = self.str();
  return make(run, self, s.ends_with(p.text(0)) ? s.substr(0, s.size() - p.text(0).size()) : s);
}

Value expand_tabs(Run& run, const Value& self, const Args& args) {
  Params p("expandtabs", args, {"tabsize"});
  const Integer size = std::clamp<Integer>(p.integer(0, 8), 0, static_cast<Integer>(run.limits().text_bytes));
  std::string out;
  size_t column = 0;
  for (char c : self.str()) {
    if (c == '\t') {
      const size_t n = size == 0 ? 0 : static_cast<size_t>(size) - column % static_cast<size_t>(size);
      run.check_text(out.size() + n);
      out.append(n, ' '), column += n;
      continue;
    }
    out += c;
    column = c == '\n' || c == '\r' ? 0 : column + ((static_cast<unsigned char>(c) & 0xC0) != 0x80);
  }
  return make(run, self, out);
}

Value format_method(Run& run, const Value& self, const Args& args) {
  return str_format(run, self, args, nullptr);
}

Value format_map(Run& run, const Value& self, const Args& args) {
  Params p("format_map", args, {""}, 1);
  return str_format(run, self, {}, &p[0]);
}

bool ascii_only(char32_t c) { return c < 0x80; }
bool printable_only(char32_t c) { return is_printable(c); }

Value is_ascii(Run& run, const Value& self, const Args& args) {
  return self.str().empty() ? Value(true) : all_are<ascii_only>(run, self, args);
}
Value is_printable_text(Run& run, const Value& self, const Args& args) {
  return self.str().empty() ? Value(true) : all_are<printable_only>(run, self, args);
}
Value is_identifier_text(Run&, const Value& self, const Args& args) {
  no_arguments("isidentifier", args);
  return Value(is_identifier(self.str()));
}

}  // namespace

std::vector<std::string_view> split_lines(Run& run, std::string_view utf8, bool keep_ends) {
  run.work(utf8.size());
  std::vector<View_> out;
  for (size_t at = 0; at < utf8.size();) {
    const size_t from = at;
    size_t end = at;
    while (at < utf8.size()) {
      const char32_t c = decode(utf8, at);
      if (is_line_end(c)) {
        if (c == '\r' && at < utf8.size() && utf8[at] == '\n') ++at;
        break;
      }
      end = at;
    }
    run.step();
    run.check_items(out.size());
    out.push_back(utf8.substr(from, (keep_ends ? at : end) - from));
  }
  return out;
}

std::string replace_text(Run& run, std::string_view in, std::string_view old, std::string_view with,
                         Integer most) {
  std::string out;
  size_t from = 0;
  run.work(in.size());
  if (old.empty()) {  // before each character, and at the end
    for (size_t at = 0; most != 0; --most) {
      run.check_text(out.size() + with.size());
      run.step();
      out += with;
      from = at;
      if (at >= in.size()) break;
      decode(in, at);
      out += in.substr(from, at - from);
      from = at;
    }
    return out.append(in.substr(from));
  }
  for (size_t at; most != 0 && (at = find(in, old, from)) != View_::npos; from = at + old.size(), --most) {
    run.check_text(out.size() + (at - from) + with.size());
    run.step();
    out.append(in.substr(from, at - from)).append(with);
  }
  return out.append(in.substr(from));
}

std::string pad_text(Run& run, const Text& text, Integer width, const std::string& fill, bool on_left) {
  const Integer lack = width - static_cast<Integer>(text.length);
  if (lack <= 0) return text.utf8;
  if (lack > static_cast<Integer>(run.limits().text_bytes))
    raise("a string padded to {} is over the limit", decimal(width));
  run.check_text(text.utf8.size() + static_cast<size_t>(lack) * fill.size());
  std::string padding;
  for (Integer i = 0; i < lack; ++i) padding += fill;
  return on_left ? padding + text.utf8 : text.utf8 + padding;
}

// As str.center: with an odd rest the left side gets more where the width is odd.
std::string center_text(Run& run, const Text& text, Integer width, const std::string& fill) {
  const Integer lack = width - static_cast<Integer>(text.length);
  if (lack <= 0) return text.utf8;
  const Integer left = lack / 2 + (lack & width & 1);
  const Text half(nullptr, pad_text(run, text, static_cast<Integer>(text.length) + left, fill, true), false);
  return pad_text(run, half, width, fill, false);
}

std::optional<Value> find_text_method(Run& run, const Value& self, const std::string& name) {
  static const std::unordered_map<std::string_view, Method> methods = {{"upper", changed<upper>},
                                                                       {"lower", changed<lower>},
                                                                       {"title", changed<title>},
                                                                       {"capitalize", changed<capitalize>},
                                                                       {"swapcase", changed<swap_case>},
                                                                       {"casefold", changed<case_fold>},
                                                                       {"isalpha", all_are<is_alpha>},
                                                                       {"isalnum", all_are<is_alnum>},
                                                                       {"isdigit", all_are<is_digit>},
                                                                       {"isdecimal", all_are<is_decimal>},
                                                                       {"isnumeric", all_are<is_numeric>},
                                                                       {"isspace", all_are<is_space>},
                                                                       {"isascii", is_ascii},
                                                                       {"isprintable", is_printable_text},
                                                                       {"isidentifier", is_identifier_text},
                                                                       {"isupper", cased<is_upper, is_lower>},
                                                                       {"islower", cased<is_lower, is_upper>},
                                                                       {"istitle", is_title_case},
                                                                       {"strip", stripped<true, true>},
                                                                       {"lstrip", stripped<true, false>},
                                                                       {"rstrip", stripped<false, true>},
                                                                       {"find", found<false, false>},
                                                                       {"rfind", found<true, false>},
                                                                       {"index", found<false, true>},
                                                                       {"rindex", found<true, true>},
                                                                       {"count", count},
                                                                       {"startswith", starts_or_ends<false>},
                                                                       {"endswith", starts_or_ends<true>},
                                                                       {"split", split<false>},
                                                                       {"rsplit", split<true>},
                                                                       {"partition", partition<false>},
                                                                       {"rpartition", partition<true>},
                                                                       {"splitlines", split_lines_method},
                                                                       {"replace", replace_method},
                                                                       {"join", join_method},
                                                                       {"ljust", justified<Side::left>},
                                                                       {"rjust", justified<Side::right>},
                                                                       {"center", justified<Side::center>},
                                                                       {"zfill", zero_fill},
                                                                       {"removeprefix", remove_prefix},
                                                                       {"removesuffix", remove_suffix},
                                                                       {"expandtabs", expand_tabs},
                                                                       {"format", format_method},
                                                                       {"format_map", format_map}};
  const auto it = methods.find(name);
  if (it == methods.end()) return std::nullopt;
  return run.method(self, it->first.data(), it->second);
}

}  // namespace ridge::jinja
