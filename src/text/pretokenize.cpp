#include "text/pretokenize.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>

#include "base/error.h"
#include "text/json_fields.h"
#include "text/unicode.h"

namespace ridge::text {
namespace {

struct Part {
  size_t begin, end;
  bool match;
};

Behaviour behaviour_of(const std::string& name, const std::string& what) {
  if (name == "Removed") return Behaviour::removed;
  if (name == "Isolated") return Behaviour::isolated;
  if (name == "MergedWithPrevious") return Behaviour::merged_with_previous;
  if (name == "MergedWithNext") return Behaviour::merged_with_next;
  if (name == "Contiguous") return Behaviour::contiguous;
  fail(Fault::file, "{}: unknown behaviour {} of a pre-tokenizer", what, printable(name));
}

// A list of parts that covers the text, folded as the behaviour says.
void fold(std::string_view text, std::vector<Part>& parts, Behaviour behaviour,
          std::vector<std::string_view>& out) {
  const auto put = [&](size_t begin, size_t end) {
    if (end > begin) out.push_back(text.substr(begin, end - begin));
  };
  if (behaviour == Behaviour::isolated || behaviour == Behaviour::removed) {
    for (const Part& p : parts)
      if (behaviour == Behaviour::isolated || !p.match) put(p.begin, p.end);
    return;
  }
  const bool backwards = behaviour == Behaviour::merged_with_next;
  if (backwards) std::reverse(parts.begin(), parts.end());
  std::vector<Span> joined;
  bool previous = false;
  for (const Part& p : parts) {
    const bool join = behaviour == Behaviour::contiguous ? p.match == previous : p.match && !previous;
    if (join && !joined.empty()) {
      (backwards ? joined.back().first : joined.back().second) = backwards ? p.begin : p.end;
    } else {
      joined.emplace_back(p.begin, p.end);
    }
    previous = p.match;
  }
  if (backwards) std::reverse(joined.begin(), joined.end());
  for (const auto& [begin, end] : joined) put(begin, end);
}

template <typename Predicate>
void split_characters(std::string_view text, Predicate&& delimiter, Behaviour behaviour,
                      std::vector<Part>& parts, std::vector<std::string_view>& out) {
  parts.clear();
  size_t last = 0;
  for (size_t i = 0; i < text.size();) {
    const size_t n = utf8_length(static_cast<unsigned char>(text[i]));
    if (delimiter(utf8_decode(text.data() + i))) {
      if (last < i) parts.push_back({last, i, false});
      parts.push_back({i, i + n, true});
      last = i + n;
    }
    i += n;
  }
  if (last < text.size()) parts.push_back({last, text.size(), false});
  fold(text, parts, behaviour, out);
}

// Splits every piece at characters of a class.
class SplitCharacters : public PreTokenizer {
 public:
  SplitCharacters(std::function<bool(uint32_t)> delimiter, Behaviour behaviour)
      : delimiter_(std::move(delimiter)), behaviour_(behaviour) {}
  void apply(Pieces& pieces) const override {
    std::vector<std::string_view> out;
    std::vector<Part> parts;
    for (const auto piece : pieces.list) split_characters(piece, delimiter_, behaviour_, parts, out);
    pieces.list = std::move(out);
  }

 private:
  std::function<bool(uint32_t)> delimiter_;
  Behaviour behaviour_;
};

class Split : public PreTokenizer {
 public:
  Split(Pattern pattern, Behaviour behaviour, bool invert)
      : pattern_(std::move(pattern)), behaviour_(behaviour), invert_(invert) {
    if (behaviour == Behaviour::isolated && !pattern_.is_literal()) scanner_ = scanner_for(pattern_.source());
  }
  void apply(Pieces& pieces) const override {
    std::vector<std::string_view> out;
    std::vector<Span> matches;
    for (const auto piece : pieces.list) {
      if (scanner_) {
        for (size_t i = 0; i < piece.size();) {
          const size_t n = scanner_(piece.data() + i, piece.data() + piece.size());
          out.push_back(piece.substr(i, n));
          i += n;
        }
        continue;
      }
      matches.clear();
      pattern_.find_all(piece, matches);
      split_by(piece, matches, behaviour_, invert_, out);
    }
    pieces.list = std::move(out);
  }

 private:
  Pattern pattern_;
  Behaviour behaviour_;
  bool invert_;
  Scanner scanner_ = nullptr;
};

class ByteLevel : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, bool use_regex, bool map)
      : add_prefix_space_(add_prefix_space), use_regex_(use_regex), map_(map) {}
  void apply(Pieces& pieces) const override {
    std::vector<std::string_view> out;
    for (auto piece : pieces.list) {
      if (add_prefix_space_ && !piece.starts_with(' ')) {
        std::string& prefixed = pieces.storage.emplace_back();
        prefixed += ' ';
        prefixed += piece;
        piece = prefixed;
      }
      if (!use_regex_) {
        out.push_back(piece);
        continue;
      }
      for (size_t i = 0; i < piece.size();) {
        const size_t n = scan_gpt2(piece.data() + i, piece.data() + piece.size());
        out.push_back(piece.substr(i, n));
        i += n;
      }
    }
    if (map_)
      for (auto& piece : out) piece = pieces.storage.emplace_back(to_byte_alphabet(piece));
    pieces.list = std::move(out);
  }

 private:
  bool add_prefix_space_, use_regex_, map_;
};

enum class Prepend { always, first, never };

class Metaspace : public PreTokenizer {
 public:
  Metaspace(std::string replacement, Prepend prepend, bool split)
      : replacement_(std::move(replacement)), prepend_(prepend), split_(split) {}
  void apply(Pieces& pieces) const override {
    std::vector<std::string_view> out;
    std::vector<Span> matches;
    bool first = pieces.at_start;
    for (const auto piece : pieces.list) {
      std::string text;
      text.reserve(piece.size() + piece.size() / 2 + replacement_.size());
      const bool starts = piece.starts_with(replacement_) || piece.starts_with(' ');
      if (!starts && (prepend_ == Prepend::always || (prepend_ == Prepend::first && first)))
        text = replacement_;
      first = false;
      for (const char c : piece) c == ' ' ? text += replacement_ : text += c;
      const std::string_view stored = pieces.storage.emplace_back(std::move(text));
      if (!split_) {
        out.push_back(stored);
        continue;
      }
      matches.clear();
      for (size_t i = stored.find(replacement_); i != std::string_view::npos;
           i = stored.find(replacement_, i + replacement_.size()))
        matches.emplace_back(i, i + replacement_.size());
      split_by(stored, matches, Behaviour::merged_with_next, false, out);
    }
    pieces.list = std::move(out);
  }

 private:
  std::string replacement_;
  Prepend prepend_;
  bool split_;
};

// \w+|[^\w\s]+
class Whitespace : public PreTokenizer {
 public:
  void apply(Pieces& pieces) const override {
    std::vector<std::string_view> out;
    for (const auto piece : pieces.list) {
      int last = 0;
      size_t begin = 0;
      for (size_t i = 0; i < piece.size();) {
        const uint8_t bits = class_of(utf8_decode(piece.data() + i));
        const int kind = bits & kSpace ? 0 : bits & kWord ? 1 : 2;
        if (kind != last) {
          if (last && i > begin) out.push_back(piece.substr(begin, i - begin));
          begin = i;
          last = kind;
        }
        i += utf8_length(static_cast<unsigned char>(piece[i]));
      }
      if (last && begin < piece.size()) out.push_back(piece.substr(begin));
    }
    pieces.list = std::move(out);
  }
};

class FixedLength : public PreTokenizer {
 public:
  explicit FixedLength(size_t length) : length_(length) {}
  void apply(Pieces& pieces) const override {
    std::vector<std::string_view> out;
    for (const auto piece : pieces.list) {
      size_t begin = 0, count = 0, i = 0;
      while (i < piece.size()) {
        i += utf8_length(static_cast<unsigned char>(piece[i]));
        if (++count == length_ || i == piece.size()) {
          out.push_back(piece.substr(begin, i - begin));
          begin = i;
          count = 0;
        }
      }
    }
    pieces.list = std::move(out);
  }

 private:
  size_t length_;
};

// A new piece where the script changes; kana count as Han, blanks as any script.
class UnicodeScripts : public PreTokenizer {
 public:
  UnicodeScripts() {
    std::string all;
    int number = 0;
    for (const char* name : kNames) {
      all += fmt::format("{}\\p{{sc:{}}}+(*:{})", number ? "|" : "", name, number + 1);
      ++number;
    }
    int error = 0;
    size_t offset = 0;
    code_ = std::shared_ptr<pcre2_code>(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(all.data()), all.size(),
                                                      PCRE2_UTF | PCRE2_ANCHORED, &error, &offset, nullptr),
                                        pcre2_code_free);
    if (code_) pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);
  }
  void apply(Pieces& pieces) const override {
    std::vector<std::string_view> out;
    for (const auto piece : pieces.list) {
      int last = 0;  // 0: none yet
      bool seen = false;
      size_t begin = 0;
      for (size_t i = 0; i < piece.size();) {
        const size_t n = utf8_length(static_cast<unsigned char>(piece[i]));
        const int script = script_of(piece.substr(i, n));
        if (script != kAny && (!seen || last != script)) {
          if (seen && i > begin) out.push_back(piece.substr(begin, i - begin));
          begin = i;  // blanks before the first script are dropped
          seen = true;
          last = script;
        }
        i += n;
      }
      if (seen) out.push_back(piece.substr(begin));
    }
    pieces.list = std::move(out);
  }

 private:
  static constexpr int kAny = -1, kHan = -2;
  // The scripts of Unicode 9, those with numbers of their own in script_of first.
  // clang-format off
  static constexpr const char* kNames[] = {
      "Han", "Hiragana", "Katakana", "Latin", "Common", "Inherited", "Adlam", "Ahom",
      "Anatolian_Hieroglyphs", "Arabic", "Armenian", "Avestan", "Balinese", "Bamum", "Bassa_Vah",
      "Batak", "Bengali", "Bhaiksuki", "Bopomofo", "Brahmi", "Braille", "Buginese", "Buhid",
      "Canadian_Aboriginal", "Carian", "Caucasian_Albanian", "Chakma", "Cham", "Cherokee", "Coptic",
      "Cuneiform", "Cypriot", "Cyrillic", "Deseret", "Devanagari", "Duployan", "Egyptian_Hieroglyphs",
      "Elbasan", "Ethiopic", "Georgian", "Glagolitic", "Gothic", "Grantha", "Greek", "Gujarati",
      "Gurmukhi", "Hangul", "Hanunoo", "Hatran", "Hebrew", "Imperial_Aramaic", "Inscriptional_Pahlavi",
      "Inscriptional_Parthian", "Javanese", "Kaithi", "Kannada", "Kayah_Li", "Kharoshthi", "Khmer",
      "Khojki", "Khudawadi", "Lao", "Lepcha", "Limbu", "Linear_A", "Linear_B", "Lisu", "Lycian",
      "Lydian", "Mahajani", "Malayalam", "Mandaic", "Manichaean", "Marchen", "Meetei_Mayek",
      "Mende_Kikakui", "Meroitic_Cursive", "Meroitic_Hieroglyphs", "Miao", "Modi", "Mongolian", "Mro",
      "Multani", "Myanmar", "Nabataean", "New_Tai_Lue", "Newa", "Nko", "Ogham", "Ol_Chiki",
      "Old_Hungarian", "Old_Italic", "Old_North_Arabian", "Old_Permic", "Old_Persian",
      "Old_South_Arabian", "Old_Turkic", "Oriya", "Osage", "Osmanya", "Pahawh_Hmong", "Palmyrene",
      "Pau_Cin_Hau", "Phags_Pa", "Phoenician", "Psalter_Pahlavi", "Rejang", "Runic", "Samaritan",
      "Saurashtra", "Sharada", "Shavian", "Siddham", "SignWriting", "Sinhala", "Sora_Sompeng",
      "Sundanese", "Syloti_Nagri", "Syriac", "Tagalog", "Tagbanwa", "Tai_Le", "Tai_Tham", "Tai_Viet",
      "Takri", "Tamil", "Tangut", "Telugu", "Thaana", "Thai", "Tibetan", "Tifinagh", "Tirhuta",
      "Ugaritic", "Vai", "Warang_Citi", "Yi",};
  // clang-format on
  std::shared_ptr<pcre2_code> code_;

  int script_of(std::string_view c) const {
    const uint32_t point = utf8_decode(c.data());
    if (point == ' ') return kAny;
    if (point == 0x30FC) return kHan;
    if (point < 128) return class_of(point) & kLetter ? 4 : 5;
    struct Data {
      pcre2_match_data* p = pcre2_match_data_create(1, nullptr);
      ~Data() { pcre2_match_data_free(p); }
    };
    thread_local Data data;
    const int rc = code_ ? pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(c.data()), c.size(), 0,
                                       PCRE2_NO_UTF_CHECK, data.p, nullptr)
                         : -1;
    const PCRE2_SPTR mark = rc > 0 ? pcre2_get_mark(data.p) : nullptr;
    const int number = mark ? std::atoi(reinterpret_cast<const char*>(mark)) : kAny;
    return number >= 1 && number <= 3 ? kHan : number;
  }
};

std::unique_ptr<PreTokenizer> make_one(const Json& json, bool map_bytes, const std::string& what) {
  const std::string type = text_field(json, "type", what);
  // With the numbers of Unicode 17, which the pre-tokenizer Digits knows and patterns do not.
  const auto numeric = [](uint32_t c) {
    return (class_of(c) & kNumber) != 0 || (c >= 0x11DE0 && c <= 0x11DE9) || (c >= 0x16FF4 && c <= 0x16FF6);
  };
  const auto punctuation = [](uint32_t c) { return (class_of(c) & kPunctuation) != 0; };
  if (type == "ByteLevel")
    return std::make_unique<ByteLevel>(flag_field(json, "add_prefix_space", true, what),
                                       flag_field(json, "use_regex", true, what), map_bytes);
  if (type == "Split") {
    const Json& pattern = member(json, "pattern", what);
    const Behaviour behaviour = behaviour_of(text_field(json, "behavior", what), what);
    const bool invert = flag_field(json, "invert", false, what);
    if (pattern.contains("Regex"))
      return std::make_unique<Split>(Pattern::regex(text_field(pattern, "Regex", what), what), behaviour,
                                     invert);
    return std::make_unique<Split>(Pattern::literal(text_field(pattern, "String", what)), behaviour, invert);
  }
  if (type == "Metaspace") {
    std::string scheme = text_field(json, "prepend_scheme", what, "always");
    if (!flag_field(json, "add_prefix_space", true, what)) scheme = "never";
    const Prepend prepend =
        scheme == "always"  ? Prepend::always
        : scheme == "first" ? Prepend::first
        : scheme == "never"
            ? Prepend::never
            : (fail(Fault::file, "{}: unknown prepend_scheme {}", what, printable(scheme)), Prepend::never);
    const std::string replacement = text_field(json, "replacement", what, std::string(kMetaspace));
    if (replacement.empty()) fail(Fault::file, "{}: Metaspace with an empty replacement", what);
    return std::make_unique<Metaspace>(replacement, prepend, flag_field(json, "split", true, what));
  }
  if (type == "Digits")
    return std::make_unique<SplitCharacters>(numeric, flag_field(json, "individual_digits", false, what)
                                                          ? Behaviour::isolated
                                                          : Behaviour::contiguous);
  if (type == "Punctuation")
    return std::make_unique<SplitCharacters>(
        punctuation, behaviour_of(text_field(json, "behavior", what, "Isolated"), what));
  if (type == "Whitespace") return std::make_unique<Whitespace>();
  if (type == "WhitespaceSplit") return std::make_unique<SplitCharacters>(is_space, Behaviour::removed);
  if (type == "CharDelimiterSplit") {
    const std::string delimiter = text_field(json, "delimiter", what);
    if (delimiter.empty()) fail(Fault::file, "{}: CharDelimiterSplit with an empty delimiter", what);
    const uint32_t c = utf8_decode(delimiter.c_str());
    return std::make_unique<SplitCharacters>([c](uint32_t x) { return x == c; }, Behaviour::removed);
  }
  if (type == "UnicodeScripts") return std::make_unique<UnicodeScripts>();
  if (type == "FixedLength") {
    const int64_t length = number_field(json, "length", 5, what);
    if (length < 1) fail(Fault::file, "{}: FixedLength of {}", what, length);
    return std::make_unique<FixedLength>(static_cast<size_t>(length));
  }
  fail(Fault::file, "{}: unknown pre-tokenizer {}", what, printable(type));
}

}  // namespace

void split_by(std::string_view text, const std::vector<Span>& matches, Behaviour behaviour, bool invert,
              std::vector<std::string_view>& out) {
  std::vector<Part> parts;
  parts.reserve(matches.size() * 2 + 1);
  size_t last = 0;
  for (const auto& [begin, end] : matches) {
    if (begin > last) parts.push_back({last, begin, invert});
    parts.push_back({begin, end, !invert});
    last = end;
  }
  if (last < text.size()) parts.push_back({last, text.size(), invert});
  fold(text, parts, behaviour, out);
}

std::vector<Json> flatten(const Json& json, const char* key, const std::string& what) {
  if (json.is_null()) return {};
  if (text_field(json, "type", what) != "Sequence") return {json};
  std::vector<Json> out;
  for (const Json& each : member(json, key, what)) {
    auto inner = flatten(each, key, what);
    out.insert(out.end(), inner.begin(), inner.end());
  }
  return out;
}

PreTokenizers make_pre_tokenizers(const Json& json, bool bytes, bool& ends_in_bytes,
                                  const std::string& what) {
  PreTokenizers out;
  ends_in_bytes = false;
  auto list = flatten(json, "pretokenizers", what);
  for (size_t i = 0; i < list.size(); ++i) {
    if (list[i]["type"] == "BertPreTokenizer") {
      out.push_back(std::make_unique<SplitCharacters>(is_space, Behaviour::removed));
      out.push_back(std::make_unique<SplitCharacters>(
          [](uint32_t c) { return (class_of(c) & kPunctuation) != 0; }, Behaviour::isolated));
      continue;
    }
    const bool raw = bytes && i + 1 == list.size() && list[i]["type"] == "ByteLevel";
    ends_in_bytes = ends_in_bytes || raw;
    out.push_back(make_one(list[i], !raw, what));
  }
  return out;
}

FastPath fast_path(const Json& json) {
  const std::string what = "pre_tokenizer";
  const auto list = flatten(json, "pretokenizers", what);
  if (list.empty() || list.back()["type"] != "ByteLevel") return {};
  const bool prefix = flag_field(list.back(), "add_prefix_space", true, what);
  const bool regex = flag_field(list.back(), "use_regex", true, what);
  if (list.size() == 1 && regex) return {scan_gpt2, prefix};
  if (list.size() != 2 || prefix || regex || list[0]["type"] != "Split") return {};
  const Json& pattern = member(list[0], "pattern", what);
  if (!pattern.contains("Regex") || text_field(list[0], "behavior", what) != "Isolated") return {};
  return {scanner_for(text_field(pattern, "Regex", what)), false};
}

}  // namespace ridge::text
