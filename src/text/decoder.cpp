#include "text/decoder.h"

#include <algorithm>

#include "text/json_fields.h"
#include "text/pattern.h"
#include "text/pretokenize.h"
#include "text/unicode.h"

namespace ridge::text {
namespace {

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  size_t i = from.empty() ? std::string::npos : text.find(from);
  if (i == std::string::npos) return text;
  std::string out;
  size_t last = 0;
  for (; i != std::string::npos; i = text.find(from, last)) {
    out.append(text, last, i - last).append(to);
    last = i + from.size();
  }
  return out.append(text, last);
}

class Join : public DecodeStep {
 public:
  void piece(std::string_view text, int32_t id) override { next_->piece(text, id); }
};

class JoinByBlank : public DecodeStep {
 public:
  void piece(std::string_view text, int32_t id) override {
    if (!first_) next_->piece(" ", -1);
    first_ = false;
    next_->piece(text, id);
  }
  void finish() override {
    first_ = true;
    next_->finish();
  }

 private:
  bool first_ = true;
};

class ByteLevel : public DecodeStep {
 public:
  void piece(std::string_view text, int32_t id) override {
    bytes_.clear();
    if (from_byte_alphabet(text, bytes_)) text = bytes_;
    next_->piece(text, id);
  }

 private:
  std::string bytes_;
};

class Metaspace : public DecodeStep {
 public:
  Metaspace(std::string replacement, bool drops) : replacement_(std::move(replacement)), drops_(drops) {}
  void piece(std::string_view text, int32_t id) override {
    next_->piece(replace_all(std::string(text), replacement_, first_ && drops_ ? "" : " "), id);
    first_ = false;
  }
  void finish() override {
    first_ = true;
    next_->finish();
  }

 private:
  std::string replacement_;
  bool drops_, first_ = true;
};

// Blanks before punctuation and abbreviated English forms, in this order.
std::string clean_up(std::string text) {
  static constexpr std::pair<std::string_view, std::string_view> kRules[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kRules) text = replace_all(std::move(text), from, to);
  return text;
}

class WordPiece : public DecodeStep {
 public:
  WordPiece(std::string prefix, bool cleanup) : prefix_(std::move(prefix)), cleanup_(cleanup) {}
  void piece(std::string_view text, int32_t id) override {
    std::string out;
    if (!first_ && text.starts_with(prefix_)) {
      text.remove_prefix(prefix_.size());
    } else if (!first_) {
      out += ' ';
    }
    out += text;
    first_ = false;
    next_->piece(cleanup_ ? clean_up(std::move(out)) : out, id);
  }
  void finish() override {
    first_ = true;
    next_->finish();
  }

 private:
  std::string prefix_;
  bool cleanup_, first_ = true;
};

class BpeWords : public DecodeStep {
 public:
  explicit BpeWords(std::string suffix) : suffix_(std::move(suffix)) {}
  void piece(std::string_view text, int32_t) override {
    flush(" ");
    held_ = text;
    holding_ = true;
  }
  void finish() override {
    flush("");
    next_->finish();
  }

 private:
  std::string suffix_, held_;
  bool holding_ = false;
  void flush(std::string_view replacement) {
    if (holding_) next_->piece(replace_all(held_, suffix_, replacement), -1);
    holding_ = false;
  }
};

// A run of byte pieces is text if it is UTF-8 as a whole, else one U+FFFD a byte: so runs are held until they
// end.
class ByteFallback : public DecodeStep {
 public:
  void piece(std::string_view text, int32_t id) override {
    if (const int b = byte_piece(text); b >= 0) {
      bytes_ += static_cast<char>(b);
      return;
    }
    flush();
    next_->piece(text, id);
  }
  void finish() override {
    flush();
    next_->finish();
  }

 private:
  std::string bytes_;
  void flush() {
    if (bytes_.empty()) return;
    if (utf8_valid(bytes_)) {
      next_->piece(bytes_, -1);
    } else {
      for (size_t i = 0; i < bytes_.size(); ++i) next_->piece(kReplacement, -1);
    }
    bytes_.clear();
  }
};

class Strip : public DecodeStep {
 public:
  Strip(std::string content, size_t start, size_t stop, bool fused)
      : content_(std::move(content)), start_(start), stop_(stop), fused_(fused) {}
  void piece(std::string_view text, int32_t id) override {
    if (!fused_) stripped_ = 0, leading_ = true;
    while (leading_ && !text.empty()) {
      leading_ = stripped_ < start_ && text.starts_with(content_);
      if (!leading_) break;
      text.remove_prefix(content_.size());
      ++stripped_;
    }
    if (!fused_) {
      for (size_t n = 0; n < stop_ && text.ends_with(content_); ++n) text.remove_suffix(content_.size());
      next_->piece(text, id);
      return;
    }
    held_ += text;
    size_t keep = held_.size();
    for (size_t n = 0; n < stop_ && std::string_view(held_).substr(0, keep).ends_with(content_); ++n)
      keep -= content_.size();
    if (keep > 0) {
      next_->piece(std::string_view(held_).substr(0, keep), id);
      held_.erase(0, keep);
    }
  }
  void finish() override {
    held_.clear();
    stripped_ = 0;
    leading_ = true;
    next_->finish();
  }

 private:
  std::string content_, held_;
  size_t start_, stop_, stripped_ = 0;
  bool fused_, leading_ = true;
};

class Replace : public DecodeStep {
 public:
  Replace(Pattern pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void piece(std::string_view text, int32_t id) override {
    matches_.clear();
    if (!text.empty()) pattern_.find_all(text, matches_);
    if (matches_.empty()) return next_->piece(text, id);
    std::string out;
    size_t last = 0;
    for (const auto& [begin, end] : matches_) {
      out += text.substr(last, begin - last);
      out += content_;
      last = end;
    }
    out += text.substr(last);
    next_->piece(out, id);
  }

 private:
  Pattern pattern_;
  std::string content_;
  std::vector<Span> matches_;
};

// Connectionist temporal classification (Graves et al., 2006): repeats and pads go.
class Ctc : public DecodeStep {
 public:
  Ctc(std::string pad, std::string delimiter, bool cleanup)
      : pad_(std::move(pad)), delimiter_(std::move(delimiter)), cleanup_(cleanup) {}
  void piece(std::string_view text, int32_t) override {
    if (seen_ && text == previous_) return;
    seen_ = true;
    previous_ = text;
    std::string out = replace_all(previous_, pad_, "");
    if (cleanup_) out = replace_all(clean_up(std::move(out)), delimiter_, " ");
    if (!out.empty()) next_->piece(out, -1);
  }
  void finish() override {
    seen_ = false;
    next_->finish();
  }

 private:
  std::string pad_, delimiter_, previous_;
  bool cleanup_, seen_ = false;
};

// Before a step that needs its whole piece, behind one that fuses.
class Collect : public DecodeStep {
 public:
  void piece(std::string_view text, int32_t) override { all_ += text; }
  void finish() override {
    next_->piece(utf8_valid(all_) ? all_ : utf8_replace_invalid(all_), -1);
    all_.clear();
    next_->finish();
  }

 private:
  std::string all_;
};

class SentencePiece : public DecodeStep {
 public:
  explicit SentencePiece(const SentencePieceDecoding& how) : how_(how) {}

  void piece(std::string_view text, int32_t id) override {
    const auto index = static_cast<size_t>(id);
    const bool own = id >= 0 && index < how_.types->size();
    const int32_t type = own ? (*how_.types)[index] : 4;
    if (type == 6) {
      const int b = byte_piece(text);
      if (b >= 0) bytes_ += static_cast<char>(b);
      flush(false);
      return;
    }
    flush(true);
    if (prefix_gone_ || any_) at_start_ = false;
    prefix_gone_ = false;
    if (type == 3) return;                        // control
    if (type == 2) return put(how_.unk_surface);  // unknown
    if (at_start_ && (how_.strip_one || how_.strip_all) && text.starts_with(kMetaspace)) {
      text.remove_prefix(kMetaspace.size());
      prefix_gone_ = !how_.strip_all;
    }
    put(replace_all(std::string(text), kMetaspace, " "));
  }
  void finish() override {
    flush(true);
    at_start_ = true;
    prefix_gone_ = any_ = false;
    next_->finish();
  }

 private:
  SentencePieceDecoding how_;
  std::string bytes_;
  bool at_start_ = true, prefix_gone_ = false, any_ = false;

  void put(std::string_view text) {
    any_ = any_ || !text.empty();
    if (!text.empty()) next_->piece(text, -1);
  }
  // Whole characters of the bytes; a byte that begins none is U+FFFD. An unfinished one waits unless the run
  // is over.
  void flush(bool over) {
    size_t i = 0;
    while (i < bytes_.size()) {
      const Utf8Step step = utf8_step(std::string_view(bytes_).substr(i));
      if (step.cut && !over) break;
      put(step.valid ? std::string_view(bytes_).substr(i, step.length) : kReplacement);
      i += step.valid ? step.length : 1;
    }
    bytes_.erase(0, i);
  }
};

}  // namespace

int byte_piece(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return -1;
  int value = 0;
  for (const char c : piece.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                             : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

class DecodeChain::End : public DecodeStep {
 public:
  void piece(std::string_view text, int32_t) override { buffer_ += text; }
  void finish() override { done_ = true; }
  std::string take() {
    std::string out = std::move(buffer_);
    buffer_.clear();
    if (const size_t cut = done_ ? 0 : utf8_cut_tail(out)) {
      buffer_ = out.substr(out.size() - cut);
      out.resize(out.size() - cut);
    }
    done_ = false;
    return utf8_valid(out) ? out : utf8_replace_invalid(out);
  }

 private:
  std::string buffer_;
  bool done_ = false;
};

DecodeChain::DecodeChain(std::vector<std::unique_ptr<DecodeStep>> steps)
    : steps_(std::move(steps)), end_(std::make_unique<End>()) {
  for (size_t i = 0; i < steps_.size(); ++i)
    steps_[i]->to(i + 1 < steps_.size() ? steps_[i + 1].get() : static_cast<DecodeStep*>(end_.get()));
  first_ = steps_.empty() ? static_cast<DecodeStep*>(end_.get()) : steps_[0].get();
}
DecodeChain::~DecodeChain() = default;
DecodeChain::DecodeChain(DecodeChain&&) noexcept = default;
std::string DecodeChain::take() { return end_->take(); }
std::string DecodeChain::finish() {
  first_->finish();
  return end_->take();
}

std::unique_ptr<DecodeStep> join_step() { return std::make_unique<Join>(); }
std::unique_ptr<DecodeStep> sentencepiece_step(const SentencePieceDecoding& how) {
  return std::make_unique<SentencePiece>(how);
}

std::vector<std::unique_ptr<DecodeStep>> make_decode_steps(const Json& json, const std::string& what) {
  std::vector<std::unique_ptr<DecodeStep>> steps;
  const auto list = flatten(json, "decoders", what);
  bool fused = false;
  const auto add = [&](std::unique_ptr<DecodeStep> step) {
    if (fused) steps.push_back(std::make_unique<Collect>());
    steps.push_back(std::move(step));
  };
  for (const Json& each : list) {
    const std::string type = text_field(each, "type", what);
    if (type == "ByteLevel") {
      add(std::make_unique<ByteLevel>());
      fused = true;
    } else if (type == "Fuse") {
      fused = true;
    } else if (type == "Metaspace") {
      const bool drops = text_field(each, "prepend_scheme", what, "always") != "never" &&
                         flag_field(each, "add_prefix_space", true, what);
      add(std::make_unique<Metaspace>(text_field(each, "replacement", what, std::string(kMetaspace)), drops));
    } else if (type == "WordPiece") {
      add(std::make_unique<WordPiece>(text_field(each, "prefix", what, "##"),
                                      flag_field(each, "cleanup", true, what)));
    } else if (type == "BPEDecoder") {
      add(std::make_unique<BpeWords>(text_field(each, "suffix", what, "</w>")));
    } else if (type == "ByteFallback") {
      add(std::make_unique<ByteFallback>());
    } else if (type == "Strip") {
      const std::string content = text_field(each, "content", what);
      const int64_t start = number_field(each, "start", 0, what), stop = number_field(each, "stop", 0, what);
      if (content.empty() || start < 0 || stop < 0) fail(Fault::file, "{}: a Strip decoder of nothing", what);
      steps.push_back(
          std::make_unique<Strip>(content, static_cast<size_t>(start), static_cast<size_t>(stop), fused));
    } else if (type == "Replace") {
      const Json& pattern = member(each, "pattern", what);
      Pattern p = pattern.contains("Regex") ? Pattern::regex(text_field(pattern, "Regex", what), what)
                                            : Pattern::literal(text_field(pattern, "String", what));
      add(std::make_unique<Replace>(std::move(p), text_field(each, "content", what)));
    } else if (type == "CTC") {
      add(std::make_unique<Ctc>(text_field(each, "pad_token", what, "<pad>"),
                                text_field(each, "word_delimiter_token", what, "|"),
                                flag_field(each, "cleanup", true, what)));
    } else {
      fail(Fault::file, "{}: unknown decoder {}", what, printable(type));
    }
  }
  if (list.empty()) steps.push_back(std::make_unique<JoinByBlank>());
  return steps;
}

}  // namespace ridge::text
