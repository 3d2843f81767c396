// Oniguruma (Ruby syntax) to PCRE2: what the two read differently, rewritten.
#include <fmt/format.h>
#include <utf8proc.h>

#include <array>

#include "base/error.h"
#include "text/pattern.h"
#include "text/unicode.h"

namespace ridge::text {
namespace {

constexpr std::string_view kSpaceItems =
    R"(\t-\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
// \w is letters, marks, digits, letter numbers, connectors and circled letters; outside of classes, by an old
// habit, the Latin-1 fractions and superscripts too.
constexpr std::string_view kWordItems =
    R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{24b6}-\x{24e9}\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189})";
constexpr std::string_view kLatin1Words = R"(\x{b2}\x{b3}\x{b9}\x{bc}-\x{be})";

struct Alias {
  std::string_view name, value;
};
constexpr std::array kLongNames = {Alias{"letter", "L"},
                                   Alias{"uppercaseletter", "Lu"},
                                   Alias{"lowercaseletter", "Ll"},
                                   Alias{"titlecaseletter", "Lt"},
                                   Alias{"modifierletter", "Lm"},
                                   Alias{"otherletter", "Lo"},
                                   Alias{"mark", "M"},
                                   Alias{"nonspacingmark", "Mn"},
                                   Alias{"spacingmark", "Mc"},
                                   Alias{"enclosingmark", "Me"},
                                   Alias{"number", "N"},
                                   Alias{"decimalnumber", "Nd"},
                                   Alias{"letternumber", "Nl"},
                                   Alias{"othernumber", "No"},
                                   Alias{"punctuation", "P"},
                                   Alias{"connectorpunctuation", "Pc"},
                                   Alias{"dashpunctuation", "Pd"},
                                   Alias{"openpunctuation", "Ps"},
                                   Alias{"closepunctuation", "Pe"},
                                   Alias{"initialpunctuation", "Pi"},
                                   Alias{"finalpunctuation", "Pf"},
                                   Alias{"otherpunctuation", "Po"},
                                   Alias{"symbol", "S"},
                                   Alias{"mathsymbol", "Sm"},
                                   Alias{"currencysymbol", "Sc"},
                                   Alias{"modifiersymbol", "Sk"},
                                   Alias{"othersymbol", "So"},
                                   Alias{"separator", "Z"},
                                   Alias{"spaceseparator", "Zs"},
                                   Alias{"lineseparator", "Zl"},
                                   Alias{"paragraphseparator", "Zp"},
                                   Alias{"other", "C"},
                                   Alias{"control", "Cc"},
                                   Alias{"format", "Cf"},
                                   Alias{"unassigned", "Cn"},
                                   Alias{"privateuse", "Co"},
                                   Alias{"surrogate", "Cs"},
                                   Alias{"punct", "P"},
                                   Alias{"digit", "Nd"},
                                   Alias{"cntrl", "Cc"}};
// POSIX names, as class items.
constexpr std::array kPosix = {Alias{"alpha", R"(\p{Alphabetic})"},
                               Alias{"alnum", R"(\p{Alphabetic}\p{Nd})"},
                               Alias{"upper", R"(\p{Uppercase})"},
                               Alias{"lower", R"(\p{Lowercase})"},
                               Alias{"digit", R"(\p{Nd})"},
                               Alias{"xdigit", "0-9a-fA-F"},
                               Alias{"punct", R"(\p{P}\p{S})"},
                               Alias{"space", kSpaceItems},
                               Alias{"word", kWordItems},
                               Alias{"cntrl", R"(\p{Cc})"},
                               Alias{"blank", R"(\p{Zs}\t)"},
                               Alias{"ascii", R"(\x{0}-\x{7f})"},
                               Alias{"graph", R"(\p{L}\p{M}\p{N}\p{P}\p{S}\p{Cf}\p{Co})"},
                               Alias{"print", R"(\p{L}\p{M}\p{N}\p{P}\p{S}\p{Cf}\p{Co}\p{Zs})"}};
constexpr std::array<std::string_view, 30> kCategoryNames = {
    "Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps",
    "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co"};

std::string squeeze(std::string_view name) {  // names compare without case, blanks, hyphens and underscores
  std::string out;
  for (const char c : name)
    if (c != ' ' && c != '_' && c != '-') out += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return out;
}

class Translator {
 public:
  Translator(std::string_view source, bool recent, const std::string& what)
      : s_(source), recent_(recent), what_(what) {}

  std::string run() {
    while (i_ < s_.size()) element();
    return std::move(out_);
  }

 private:
  std::string_view s_;
  bool recent_;
  const std::string& what_;
  size_t i_ = 0;
  std::string out_;
  size_t atom_ = 0;             // where the last atom begins in out_
  std::vector<size_t> groups_;  // where the open groups begin in out_
  int depth_ = 0;

  [[noreturn]] void bad(const char* why) {
    fail(Fault::file, "{}: pattern {}: {} at byte {}", what_, printable(s_), why, i_);
  }
  bool at(std::string_view text) const { return s_.substr(i_, text.size()) == text; }

  void element() {
    const char c = s_[i_];
    if (c == '\\') {
      atom_ = out_.size();
      out_ += escape();
    } else if (c == '[') {
      atom_ = out_.size();
      out_ += char_class();
    } else if (c == '(') {
      open_group();
    } else if (c == ')') {
      if (!groups_.empty()) {
        atom_ = groups_.back();
        groups_.pop_back();
      }
      out_ += c;
      ++i_;
    } else if (c == '{') {
      interval();
    } else if (c == '|' || c == '*' || c == '+' || c == '?') {
      out_ += c;
      ++i_;
    } else {
      atom_ = out_.size();
      const size_t n = std::min(utf8_length(static_cast<unsigned char>(c)), s_.size() - i_);
      out_ += s_.substr(i_, n);
      i_ += n;
    }
  }

  void open_group() {
    groups_.push_back(out_.size());
    out_ += '(';
    ++i_;
    if (at("?#")) {
      while (i_ < s_.size() && s_[i_] != ')') ++i_;
      groups_.pop_back();
      out_.pop_back();
      if (i_ < s_.size()) ++i_;
      return;
    }
    if (at("*")) bad("a verb");  // (*...) is PCRE's own
    if (!at("?")) return;
    // Options: m (dot matches newline) is PCRE's s.
    size_t j = i_ + 1;
    while (j < s_.size() && (s_[j] == 'i' || s_[j] == 'm' || s_[j] == 'x' || s_[j] == '-')) ++j;
    if (j > i_ + 1 && j < s_.size() && (s_[j] == ':' || s_[j] == ')')) {
      for (; i_ < j; ++i_) out_ += s_[i_] == 'm' ? 's' : s_[i_];
    }
  }

  // {n}, {n,}, {n,m}, {,m}; a + after it repeats it (in PCRE it would be possessive).
  void interval() {
    size_t j = i_ + 1;
    while (j < s_.size() && (s_[j] == ',' || (s_[j] >= '0' && s_[j] <= '9'))) ++j;
    const std::string_view body = s_.substr(i_ + 1, j - i_ - 1);
    if (j >= s_.size() || s_[j] != '}' || body.empty() || body == "," || out_.empty()) {
      atom_ = out_.size();
      out_ += "\\{";
      ++i_;
      return;
    }
    i_ = j + 1;
    const std::string quantifier = fmt::format("{{{}{}}}", body[0] == ',' ? "0" : "", body);
    if (at("+")) {
      ++i_;
      out_.insert(atom_, "(?:");
      out_ += quantifier + ")+";
    } else {
      out_ += quantifier;
    }
  }

  // ---- escapes

  // At \p or \P; in a class a negated one goes to `nested`.
  std::string property(std::vector<std::string>* nested) {
    bool negative = s_[i_ + 1] == 'P';
    i_ += 2;
    std::string name;
    if (i_ < s_.size() && s_[i_] == '{') {
      const size_t end = s_.find('}', i_);
      if (end == std::string_view::npos) bad("an unfinished property");
      name = std::string(s_.substr(i_ + 1, end - i_ - 1));
      i_ = end + 1;
    } else if (i_ < s_.size()) {
      name = std::string(1, s_[i_++]);
    }
    if (!name.empty() && name[0] == '^') {
      negative = !negative;
      name.erase(0, 1);
    }
    const std::string items = property_items(name);
    if (nested) {
      if (!negative) return items;
      nested->push_back("[^" + items + "]");
      return {};
    }
    return fmt::format("[{}{}]", negative ? "^" : "", items);
  }

  std::string property_items(const std::string& name) {
    const std::string key = squeeze(name);
    if (key == "any" || key == "assigned") return key == "any" ? R"(\x{0}-\x{10ffff})" : R"(\P{Cn})";
    for (const auto& p : kPosix)
      if (p.name == key && key != "punct") return with_recent(std::string(p.value), key);
    std::string category;
    for (const auto& l : kLongNames)
      if (l.name == key) category = l.value;
    if (category.empty() && !key.empty() && key.size() <= 2) {
      category = std::string(1, static_cast<char>(key[0] - 32));
      if (key.size() == 2) category += key[1];
      bool known = key.size() == 1 && std::string_view("lmnpszc").find(key[0]) != std::string_view::npos;
      for (const auto n : kCategoryNames) known = known || n == category;
      if (!known) category.clear();
    }
    for (const char c : name)
      if (!(c == '_' || c == ' ' || c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
            (c >= 'A' && c <= 'Z')))
        bad("a malformed property name");
    if (!category.empty()) return with_recent("\\p{" + category + "}", category);
    static constexpr std::array<std::string_view, 12> kBinary = {
        "alphabetic",        "uppercase",     "lowercase",         "whitespace",     "emoji",
        "emojipresentation", "emojimodifier", "emojimodifierbase", "emojicomponent", "extendedpictographic",
        "ideographic",       "idstart"};
    for (const auto b : kBinary)
      if (b == key) return key == "whitespace" ? std::string(kSpaceItems) : "\\p{" + name + "}";
    if (key == "han" && recent_) return R"(\p{sc:Han}\x{2b739}\x{2ebf0}-\x{2ee5d}\x{31350}-\x{323af})";
    return "\\p{sc:" + name + "}";  // a script proper, not its extensions
  }

  std::string with_recent(std::string items, const std::string& name) {
    if (!recent_) return items;
    const bool word = name == "word" || name == "alpha" || name == "alnum";
    for (const auto& r : categories_after_14()) {
      const std::string_view category = kCategoryNames[static_cast<size_t>(r.category)];
      const bool member =
          word ? (category[0] == 'L' || category[0] == 'M' || category == "Nd" || category == "Nl")
               : (category == name || (name.size() == 1 && category[0] == name[0]) ||
                  (name == "digit" && category == "Nd") ||
                  (name == "punct" && (category[0] == 'P' || category[0] == 'S')));
      if (member) items += fmt::format("\\x{{{:x}}}-\\x{{{:x}}}", r.first, r.last);
    }
    return items;
  }

  std::string code_point() {  // at \u: four hex digits
    if (i_ + 6 > s_.size()) bad("an unfinished \\u");
    std::string hex(s_.substr(i_ + 2, 4));
    for (const char c : hex)
      if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
        bad("a malformed \\u");
    i_ += 6;
    return "\\x{" + hex + "}";
  }

  std::string escape() {
    if (i_ + 1 >= s_.size()) bad("a lone backslash");
    const char c = s_[i_ + 1];
    if (c == 'p' || c == 'P') return property(nullptr);
    if (c == 'u') return code_point();
    i_ += 2;
    const std::string word = with_recent(std::string(kWordItems), "word") + std::string(kLatin1Words);
    switch (c) {
      case 's':
        return fmt::format("[{}]", kSpaceItems);
      case 'S':
        return fmt::format("[^{}]", kSpaceItems);
      case 'w':
        return fmt::format("[{}]", word);
      case 'W':
        return fmt::format("[^{}]", word);
      case 'd':
        return fmt::format("[{}]", with_recent("\\p{Nd}", "Nd"));
      case 'D':
        return fmt::format("[^{}]", with_recent("\\p{Nd}", "Nd"));
      case 'h':
        return "[0-9a-fA-F]";
      case 'H':
        return "[^0-9a-fA-F]";
      case 'b':
        return fmt::format("(?:(?<=[{0}])(?![{0}])|(?<![{0}])(?=[{0}]))", word);
      case 'B':
        return fmt::format("(?:(?<=[{0}])(?=[{0}])|(?<![{0}])(?![{0}]))", word);
      case 'C':
        bad("\\C");
      default:
        break;
    }
    if (static_cast<unsigned char>(c) >= 0x80) {
      const size_t n = std::min(utf8_length(static_cast<unsigned char>(c)), s_.size() - i_ + 1);
      i_ += n - 1;
      return std::string(s_.substr(i_ - n, n));
    }
    return std::string{'\\', c};
  }

  // ---- classes: [...] with nested classes and &&, as something that matches one character

  // Negated classes inside a class are classes of their own, united with it.
  std::string class_escape(std::vector<std::string>& nested) {
    if (i_ + 1 >= s_.size()) bad("a lone backslash");
    const char c = s_[i_ + 1];
    const auto negated = [&](const std::string& items) {
      nested.push_back("[^" + items + "]");
      return std::string();
    };
    if (c == 'p' || c == 'P') return property(&nested);
    if (c == 'u') return code_point();
    i_ += 2;
    switch (c) {
      case 's':
        return std::string(kSpaceItems);
      case 'w':
        return with_recent(std::string(kWordItems), "word");
      case 'd':
        return with_recent("\\p{Nd}", "Nd");
      case 'h':
        return "0-9a-fA-F";
      case 'S':
        return negated(std::string(kSpaceItems));
      case 'W':
        return negated(with_recent(std::string(kWordItems), "word"));
      case 'D':
        return negated(with_recent("\\p{Nd}", "Nd"));
      case 'H':
        return negated("0-9a-fA-F");
      default:
        break;
    }
    if (static_cast<unsigned char>(c) >= 0x80) {
      --i_;
      return literal_character();
    }
    return std::string{'\\', c};
  }

  std::string literal_character() {
    const size_t n = std::min(utf8_length(static_cast<unsigned char>(s_[i_])), s_.size() - i_);
    std::string text(s_.substr(i_, n));
    i_ += n;
    return text;
  }

  std::string char_class() {
    if (++depth_ > 32) bad("classes nested too deep");
    ++i_;
    bool negative = false;
    if (at("^")) {
      negative = true;
      ++i_;
    }
    std::vector<std::string> terms;   // joined by &&
    std::vector<std::string> nested;  // classes united with `items`
    std::string items;
    const auto close_term = [&] {
      std::string term = items.empty() ? "" : "[" + items + "]";
      for (const auto& n : nested) term = term.empty() ? n : term + "|" + n;
      if (term.empty()) term = "(?!)";
      terms.push_back(nested.empty() ? term : "(?:" + term + ")");
      items.clear();
      nested.clear();
    };
    for (bool first = true;; first = false) {
      if (i_ >= s_.size()) bad("an unfinished class");
      const char c = s_[i_];
      if (c == ']' && !first) break;
      if (at("&&")) {
        i_ += 2;
        close_term();
      } else if (at("[:")) {
        items += posix();
      } else if (c == '[') {
        nested.push_back(char_class());
      } else if (c == '\\') {
        items += class_escape(nested);
      } else if (c == ']' || (c == '^' && items.empty())) {
        items += '\\';
        items += c;
        ++i_;
      } else {
        items += literal_character();
      }
    }
    ++i_;
    --depth_;
    if (terms.empty() && nested.empty()) return fmt::format("[{}{}]", negative ? "^" : "", items);
    close_term();
    std::string all;
    for (size_t t = 0; t + 1 < terms.size(); ++t) all += "(?=" + terms[t] + ")";
    all += terms.back();
    return negative ? fmt::format("(?:(?!{})(?s:.))", all) : fmt::format("(?:{})", all);
  }

  std::string posix() {  // at [:
    const size_t end = s_.find(":]", i_ + 2);
    if (end == std::string_view::npos) {
      ++i_;
      return "\\[";
    }
    const std::string name = squeeze(s_.substr(i_ + 2, end - i_ - 2));
    i_ = end + 2;
    for (const auto& p : kPosix)
      if (p.name == name) return with_recent(std::string(p.value), name);
    bad("an unknown POSIX class");
  }
};

}  // namespace

std::string canonical_pattern(std::string_view source) {
  std::string out;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += "\\r";
    } else if (source[i] == '\n') {
      out += "\\n";
    } else if (source[i] == '\\' && i + 1 < source.size()) {
      if (source[i + 1] != '"') out += '\\';
      out += source[++i];
    } else {
      out += source[i];
    }
  }
  return out;
}

std::string translate_pattern(std::string_view source, bool recent, const std::string& what) {
  return Translator(source, recent, what).run();
}

}  // namespace ridge::text
