// json.dumps.
#include <algorithm>
#include <cmath>

#include "text/jinja_unicode.h"
#include "text/jinja_value.h"

namespace ridge::jinja {
namespace {

class Writer {
 public:
  Writer(Run& run, const JsonStyle& style) : run_(run), style_(style) {}

  void write(const Value& v) {
    Level level(run_);
    run_.step();
    const size_t before = out.size();
    switch (v.kind) {
      case Kind::none:
        out += "null";
        break;
      case Kind::boolean:
        out += v.flag ? "true" : "false";
        break;
      case Kind::integer:
        out += decimal(v.integer);
        break;
      case Kind::real:
        out += real(v.real);
        break;
      case Kind::text:
        quote(v.str());
        break;
      case Kind::list:
      case Kind::tuple:
        list(v.items());
        break;
      case Kind::dict:
        dict(v.dict());
        break;
      default:
        raise("Object of type {} is not JSON serializable", type_name(v));
    }
    run_.check_text(out.size());
    run_.work(out.size() - before);
  }

  std::string out;

 private:
  static std::string real(double d) {
    if (std::isnan(d)) return "NaN";
    if (std::isinf(d)) return d < 0 ? "-Infinity" : "Infinity";
    return repr(d);
  }

  void quote(std::string_view s) {
    out += '"';
    for (size_t at = 0; at < s.size();) {
      const size_t from = at;
      const char32_t c = decode(s, at);
      switch (c) {
        case '"':
          out += "\\\"";
          break;
        case '\\':
          out += "\\\\";
          break;
        case '\n':
          out += "\\n";
          break;
        case '\r':
          out += "\\r";
          break;
        case '\t':
          out += "\\t";
          break;
        case '\f':
          out += "\\f";
          break;
        case '\b':
          out += "\\b";
          break;
        default:
          if (c < 0x20 || (style_.ascii && c > 0x7E)) {
            hexadecimal(c);
          } else {
            out += s.substr(from, at - from);
          }
      }
    }
    out += '"';
  }

  void hexadecimal(char32_t c) {
    const auto unit = [&](unsigned u) { out += fmt::format("\\u{:04x}", u); };
    if (c < 0x10000) {
      unit(static_cast<unsigned>(c));
    } else {
      unit(static_cast<unsigned>(0xD800 + ((c - 0x10000) >> 10)));
      unit(static_cast<unsigned>(0xDC00 + ((c - 0x10000) & 0x3FF)));
    }
  }

  void new_line() {
    if (!style_.indent) return;
    out += '\n';
    run_.check_text(out.size() + nesting_ * style_.indent->size());
    for (size_t i = 0; i < nesting_; ++i) out += *style_.indent;
  }

  void open(char c) {
    out += c;
    ++nesting_;
    new_line();
  }

  void close(char c) {
    --nesting_;
    new_line();
    out += c;
  }

  void separate() {
    out += style_.item_separator;
    new_line();
  }

  void list(const std::vector<Value>& items) {
    if (items.empty()) {
      out += "[]";
      return;
    }
    open('[');
    for (size_t i = 0; i < items.size(); ++i) {
      if (i) separate();
      write(items[i]);
    }
    close(']');
  }

  std::string key(const Value& k) {
    switch (k.kind) {
      case Kind::text:
        return k.str();
      case Kind::none:
        return "null";
      case Kind::boolean:
        return k.flag ? "true" : "false";
      case Kind::integer:
        return decimal(k.integer);
      case Kind::real:
        return real(k.real);
      default:
        raise("keys must be str, int, float, bool or None, not {}", type_name(k));
    }
  }

  void dict(const Dict& dict) {
    if (dict.items.empty()) {
      out += "{}";
      return;
    }
    std::vector<const std::pair<Value, Value>*> items;
    for (const auto& pair : dict.items) items.push_back(&pair);
    if (style_.sort) {
      for (size_t i = 1; i < items.size(); ++i)
        less(run_, items[i]->first, items[0]->first);  // all have an order, or an error
      std::stable_sort(items.begin(), items.end(),
                       [&](auto* a, auto* b) { return less(run_, a->first, b->first); });
    }
    open('{');
    for (size_t i = 0; i < items.size(); ++i) {
      if (i) separate();
      quote(key(items[i]->first));
      out += style_.key_separator;
      write(items[i]->second);
    }
    close('}');
  }

  Run& run_;
  const JsonStyle& style_;
  size_t nesting_ = 0;
};

}  // namespace

std::string to_json(Run& run, const Value& v, const JsonStyle& style) {
  Writer writer(run, style);
  writer.write(v);
  return std::move(writer.out);
}

}  // namespace ridge::jinja
