#include "text/normalizer.h"

#include <array>
#include <functional>

#include "text/charsmap.h"
#include "text/json_fields.h"
#include "text/pattern.h"
#include "text/pretokenize.h"
#include "text/unicode.h"

namespace ridge::text {
namespace {

class Function : public Normalizer {
 public:
  explicit Function(std::function<void(std::string&)> f) : f_(std::move(f)) {}
  void apply(std::string& text) const override { f_(text); }

 private:
  std::function<void(std::string&)> f_;
};

// Each character through f: appended to the result as f likes.
template <typename F>
void map_characters(std::string& text, F&& f) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (size_t i = 0; i < text.size();) {
    const size_t n = utf8_length(static_cast<unsigned char>(text[i]));
    f(utf8_decode(text.data() + i), std::string_view(text).substr(i, n), out);
    i += n;
  }
  text = std::move(out);
}

void strip(std::string& text, bool left, bool right) {
  size_t begin = 0, end = text.size();
  while (left && begin < end && is_space(utf8_decode(text.data() + begin)))
    begin += utf8_length(static_cast<unsigned char>(text[begin]));
  while (right && end > begin) {
    size_t last = end - 1;
    while (last > begin && (static_cast<unsigned char>(text[last]) & 0xC0) == 0x80) --last;
    if (!is_space(utf8_decode(text.data() + last))) break;
    end = last;
  }
  text = text.substr(begin, end - begin);
}

void replace(std::string& text, const Pattern& pattern, const std::string& content) {
  std::vector<Span> matches;
  if (text.empty()) return;
  pattern.find_all(text, matches);
  if (matches.empty()) return;
  std::string out;
  size_t last = 0;
  for (const auto& [begin, end] : matches) {
    out += std::string_view(text).substr(last, begin - last);
    out += content;
    last = end;
  }
  out += std::string_view(text).substr(last);
  text = std::move(out);
}

// Rules of "Nmt": controls go, other blanks and invisible characters become a blank.
void nmt(uint32_t c, std::string_view self, std::string& out) {
  if ((c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F)
    return;
  const bool blank = c == 9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 ||
                     (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
                     c == 0xFEFF || c == 0xFFFD;
  blank ? out += ' ' : out += self;
}

bool is_cjk(uint32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

void bert_clean(uint32_t c, std::string_view self, std::string& out) {
  const bool kept_control = c == '\t' || c == '\n' || c == '\r';
  if (c == 0 || c == 0xFFFD || (!kept_control && is_control_v7(c))) return;
  kept_control || is_space(c) ? out += ' ' : out += self;
}

void add_bert(const Json& json, Normalizers& out, const std::string& what) {
  const auto add = [&](std::function<void(std::string&)> f) {
    out.push_back(std::make_unique<Function>(std::move(f)));
  };
  const bool lower = flag_field(json, "lowercase", true, what);
  if (flag_field(json, "clean_text", true, what)) add([](std::string& t) { map_characters(t, bert_clean); });
  if (flag_field(json, "handle_chinese_chars", true, what))
    add([](std::string& t) {
      if (is_ascii(t)) return;
      map_characters(t, [](uint32_t c, std::string_view self, std::string& o) {
        if (is_cjk(c))
          (o += ' ') += self, o += ' ';
        else
          o += self;
      });
    });
  if (flag_field(json, "strip_accents", lower, what))
    add([](std::string& t) {
      if (is_ascii(t)) return;
      t = normalize(t, Form::nfd);
      map_characters(t, [](uint32_t c, std::string_view self, std::string& o) {
        if (!is_nonspacing_mark_v7(c)) o += self;
      });
    });
  if (lower) add([](std::string& t) { t = lowercase(t); });
}

// The whole grapheme first, then its characters one by one, as the published loader of the map does. It takes
// the shortest key of the map that begins the text as a match for all of it.
void precompiled(std::string& text, const CharsMap& map) {
  std::string out;
  out.reserve(text.size());
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view grapheme = rest.substr(0, grapheme_length(rest));
    rest.remove_prefix(grapheme.size());
    if (grapheme.size() < 6) {
      const auto found = map.shortest(grapheme);
      if (found.length) {
        out += found.replacement;
        continue;
      }
    }
    while (!grapheme.empty()) {
      const std::string_view c = grapheme.substr(0, utf8_length(static_cast<unsigned char>(grapheme[0])));
      const auto found = map.shortest(c);
      out += found.length ? found.replacement : c;
      grapheme.remove_prefix(c.size());
    }
  }
  text = std::move(out);
}

void add_one(const Json& json, Normalizers& out, const std::string& what) {
  const auto add = [&](std::function<void(std::string&)> f) {
    out.push_back(std::make_unique<Function>(std::move(f)));
  };
  const std::string type = text_field(json, "type", what);
  if (type == "NFC" || type == "NFD" || type == "NFKC" || type == "NFKD") {
    const Form form = type == "NFC"    ? Form::nfc
                      : type == "NFD"  ? Form::nfd
                      : type == "NFKC" ? Form::nfkc
                                       : Form::nfkd;
    return add([form](std::string& t) {
      if (!is_ascii(t)) t = normalize(t, form);
    });
  }
  if (type == "Lowercase") return add([](std::string& t) { t = lowercase(t); });
  if (type == "Strip") {
    const bool left = flag_field(json, "strip_left", true, what),
               right = flag_field(json, "strip_right", true, what);
    return add([=](std::string& t) { strip(t, left, right); });
  }
  if (type == "StripAccents")
    return add([](std::string& t) {
      map_characters(t, [](uint32_t c, std::string_view self, std::string& o) {
        if (!is_mark_v9(c)) o += self;
      });
    });
  if (type == "Replace") {
    const Json& pattern = member(json, "pattern", what);
    const Pattern p = pattern.contains("Regex") ? Pattern::regex(text_field(pattern, "Regex", what), what)
                                                : Pattern::literal(text_field(pattern, "String", what));
    return add([p, content = text_field(json, "content", what)](std::string& t) { replace(t, p, content); });
  }
  if (type == "Prepend")
    return add([prefix = text_field(json, "prepend", what)](std::string& t) {
      if (!t.empty()) t.insert(0, prefix);
    });
  if (type == "Nmt") return add([](std::string& t) { map_characters(t, nmt); });
  if (type == "BertNormalizer") return add_bert(json, out, what);
  if (type == "ByteLevel") return add([](std::string& t) { t = to_byte_alphabet(t); });
  if (type == "Precompiled") {
    // Replacements must be UTF-8, or the text after it would not be.
    const std::string blob = base64_decode(text_field(json, "precompiled_charsmap", what, ""), what);
    if (blob.empty()) return;
    return add([map = CharsMap(blob, what)](std::string& t) {
      precompiled(t, map);
      if (!utf8_valid(t)) t = utf8_replace_invalid(t);
    });
  }
  fail(Fault::file, "{}: unknown normalizer {}", what, printable(type));
}

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

Normalizers make_normalizers(const Json& json, const std::string& what) {
  Normalizers out;
  for (const Json& each : flatten(json, "normalizers", what)) add_one(each, out, what);
  return out;
}

std::string base64_decode(std::string_view text, const std::string& what) {
  static const auto values = [] {
    std::array<int8_t, 256> v;
    v.fill(-1);
    for (size_t i = 0; i < kBase64.size(); ++i)
      v[static_cast<unsigned char>(kBase64[i])] = static_cast<int8_t>(i);
    return v;
  }();
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  if (text.size() % 4 == 1) fail(Fault::file, "{}: base64 of {} characters", what, text.size());
  std::string out;
  out.reserve(text.size() * 3 / 4);
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int v = values[static_cast<unsigned char>(c)];
    if (v < 0) fail(Fault::file, "{}: {} is not base64", what, printable(text, 40));
    bits = bits << 6 | static_cast<uint32_t>(v);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 0xFF);
    }
  }
  return out;
}

std::string base64_encode(std::string_view bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k)
      bits = bits << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) out += i + k > bytes.size() ? '=' : kBase64[bits >> (18 - 6 * k) & 63];
  }
  return out;
}

}  // namespace ridge::text
