// str() and repr() of values, as Python prints them.
#include <charconv>
#include <cmath>

#include "text/jinja_unicode.h"
#include "text/jinja_value.h"

namespace ridge::jinja {
namespace {

void write(Run& run, const Value& v, std::string& out);

void write_items(Run& run, const std::vector<Value>& items, std::string& out) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (i) out += ", ";
    write(run, items[i], out);
  }
}

void write_dict(Run& run, const Dict& dict, std::string& out) {
  out += '{';
  bool first = true;
  for (const auto& [key, value] : dict.items) {
    if (!first) out += ", ";
    first = false;
    write(run, key, out);
    out += ": ";
    write(run, value, out);
  }
  out += '}';
}

void write_view(Run& run, const View& view, std::string& out) {
  out += view.what == View::keys     ? "dict_keys(["
         : view.what == View::values ? "dict_values(["
                                     : "dict_items([";
  bool first = true;
  for (const auto& [key, value] : view.dict.dict().items) {
    if (!first) out += ", ";
    first = false;
    if (view.what == View::items) out += '(';
    if (view.what != View::values) write(run, key, out);
    if (view.what == View::items) out += ", ";
    if (view.what != View::keys) write(run, value, out);
    if (view.what == View::items) out += ')';
  }
  out += "])";
}

void write_space(Run& run, const Space& space, std::string& out) {
  out += "<Namespace {";
  for (size_t i = 0; i < space.names.size(); ++i) {
    if (i) out += ", ";
    out += repr(space.names[i].first) + ": ";
    write(run, space.names[i].second, out);
  }
  out += "}>";
}

void write(Run& run, const Value& v, std::string& out) {
  Level level(run);
  run.step();
  const size_t before = out.size();
  switch (v.kind) {
    case Kind::undefined:
      out += "Undefined";
      break;
    case Kind::none:
      out += "None";
      break;
    case Kind::boolean:
      out += v.flag ? "True" : "False";
      break;
    case Kind::integer:
      out += decimal(v.integer);
      break;
    case Kind::real:
      out += repr(v.real);
      break;
    case Kind::text:
      out += v.text().safe ? "Markup(" + repr(v.str()) + ")" : repr(v.str());
      break;
    case Kind::list:
      out += '[';
      write_items(run, v.items(), out);
      out += ']';
      break;
    case Kind::tuple:
      out += '(';
      write_items(run, v.items(), out);
      out += v.items().size() == 1 ? ",)" : ")";
      break;
    case Kind::dict:
      write_dict(run, v.dict(), out);
      break;
    case Kind::range: {
      const Range& r = v.as<Range>();
      out += "range(" + decimal(r.start) + ", " + decimal(r.stop);
      out += r.step == 1 ? ")" : ", " + decimal(r.step) + ")";
      break;
    }
    case Kind::view:
      write_view(run, v.as<View>(), out);
      break;
    case Kind::iterator:
      out += "<" + v.as<Iterator>().type + " object>";
      break;
    case Kind::space:
      write_space(run, v.as<Space>(), out);
      break;
    case Kind::loop:
      out += v.as<Loop>().repr(run);
      break;
    case Kind::function:
      out += v.as<Function>().repr;
      break;
    case Kind::object:
      out += "<jinja2.utils.Cycler object>";
      break;
  }
  run.check_text(out.size());
  run.work(out.size() - before);
}

}  // namespace

const char* type_name(const Value& v) {
  switch (v.kind) {
    case Kind::undefined:
      return "Undefined";
    case Kind::none:
      return "NoneType";
    case Kind::boolean:
      return "bool";
    case Kind::integer:
      return "int";
    case Kind::real:
      return "float";
    case Kind::text:
      return v.text().safe ? "Markup" : "str";
    case Kind::list:
      return "list";
    case Kind::tuple:
      return "tuple";
    case Kind::dict:
      return "dict";
    case Kind::range:
      return "range";
    case Kind::view:
      return v.as<View>().what == View::keys     ? "dict_keys"
             : v.as<View>().what == View::values ? "dict_values"
                                                 : "dict_items";
    case Kind::iterator:
      return v.as<Iterator>().type.c_str();
    case Kind::space:
      return "Namespace";
    case Kind::loop:
      return "LoopContext";
    case Kind::function:
      return v.as<Function>().macro ? "Macro" : "function";
    case Kind::object:
      return "Cycler";
  }
  return "object";
}

std::string decimal(Integer i) {
  if (i == static_cast<int64_t>(i)) return std::to_string(static_cast<int64_t>(i));
  std::string digits;
  const bool minus = i < 0;
  for (auto rest = minus ? -static_cast<unsigned __int128>(i) : static_cast<unsigned __int128>(i); rest;
       rest /= 10) {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
  }
  return minus ? "-" + digits : digits;
}

// The shortest digits that read back as `d`; with an exponent below 1e-4 and from 1e16 on.
std::string repr(double d) {
  if (std::isnan(d)) return "nan";
  if (std::isinf(d)) return d < 0 ? "-inf" : "inf";
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, d, std::chars_format::scientific).ptr;
  std::string_view text(buffer, static_cast<size_t>(end - buffer));
  std::string out;
  if (text[0] == '-') out += '-', text.remove_prefix(1);
  const size_t e = text.find('e');
  int exponent = 0;
  std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), text.data() + text.size(), exponent);
  std::string digits(1, text[0]);
  if (e > 2) digits += text.substr(2, e - 2);
  if (exponent < -4 || exponent >= 16) {
    out += digits[0];
    if (digits.size() > 1) out += "." + digits.substr(1);
    return out + fmt::format("e{}{:02}", exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0) return out + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  const size_t whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) return out + digits + std::string(whole - digits.size(), '0') + ".0";
  return out + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::string repr(std::string_view utf8) {
  const char quote = utf8.find('\'') != utf8.npos && utf8.find('"') == utf8.npos ? '"' : '\'';
  std::string out(1, quote);
  for (size_t at = 0; at < utf8.size();) {
    const size_t from = at;
    const char32_t c = decode(utf8, at);
    if (c == static_cast<unsigned char>(quote) || c == '\\') {
      out += '\\', out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c >= 0x20 && c < 0x7F) {
      out += static_cast<char>(c);
    } else if (!is_printable(c)) {
      const auto code = static_cast<unsigned>(c);
      out += c < 0x100     ? fmt::format("\\x{:02x}", code)
             : c < 0x10000 ? fmt::format("\\u{:04x}", code)
                           : fmt::format("\\U{:08x}", code);
    } else {
      out += utf8.substr(from, at - from);
    }
  }
  return out + quote;
}

std::string repr(Run& run, const Value& v) {
  std::string out;
  write(run, v, out);
  return out;
}

std::string to_string(Run& run, const Value& v) {
  if (v.is_text()) return v.str();
  if (v.is_undefined()) return "";
  return repr(run, v);
}

std::string soft_string(Run& run, const Value& v) { return to_string(run, v); }

}  // namespace ridge::jinja
