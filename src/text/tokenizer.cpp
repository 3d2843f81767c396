#include "text/tokenizer.h"

#include <algorithm>
#include <unordered_set>

#include "base/error.h"
#include "text/core.h"
#include "text/unicode.h"

namespace ridge {
using namespace text;

namespace {

bool is_word_at(std::string_view text, bool last) {
  if (text.empty()) return false;
  size_t i = 0;
  if (last) {
    i = text.size() - 1;
    while (i > 0 && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) --i;
  }
  return (class_of(utf8_decode(text.data() + i)) & kWord) != 0;
}

size_t blanks_at_end(std::string_view text) {  // where they begin
  size_t end = text.size();
  while (end > 0) {
    size_t i = end - 1;
    while (i > 0 && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) --i;
    if (!is_space(utf8_decode(text.data() + i))) break;
    end = i;
  }
  return end;
}

size_t blanks_at_start(std::string_view text) {
  size_t i = 0;
  while (i < text.size() && is_space(utf8_decode(text.data() + i)))
    i += utf8_length(static_cast<unsigned char>(text[i]));
  return i;
}

}  // namespace

void Tokenizer::Core::finish() {
  check_pieces(pieces, what);
  for (auto& piece : pieces)
    if (!takes_bytes && !utf8_valid(piece)) piece = utf8_replace_invalid(piece);
  int32_t size = static_cast<int32_t>(pieces.size());
  for (const auto& a : added) size = std::max(size, a.id + 1);
  pieces.resize(static_cast<size_t>(size));
  is_special.assign(pieces.size(), false);
  decode_pieces.assign(pieces.size(), "");
  for (const auto& a : added) {
    auto& piece = pieces[static_cast<size_t>(a.id)];
    if (piece.empty()) piece = a.content;
    is_special[static_cast<size_t>(a.id)] = is_special[static_cast<size_t>(a.id)] || a.special;
  }
  index = {};
  index.reserve(pieces.size());
  for (size_t id = 0; id < pieces.size(); ++id)
    if (!pieces[id].empty()) index.add(pieces[id], static_cast<int32_t>(id));
  std::vector<std::pair<std::string_view, int32_t>> raw, normalized;
  for (size_t i = 0; i < added.size(); ++i) {
    const AddedToken& a = added[i];
    if (a.content.empty()) continue;
    index.add(a.content, a.id);
    if (!a.normalized) {
      raw.emplace_back(a.content, static_cast<int32_t>(i));
      continue;
    }
    // Looked for, and decoded, as the normalizer leaves it.
    std::string text = a.content;
    for (const auto& n : normalizers) n->apply(text);
    if (text != a.content) decode_pieces[static_cast<size_t>(a.id)] = text;
    if (text.empty()) continue;
    auto& kept = text == a.content ? a.content : decode_pieces[static_cast<size_t>(a.id)];
    normalized.emplace_back(kept, static_cast<int32_t>(i));
  }
  raw_added = Trie(std::move(raw));
  normalized_added = Trie(std::move(normalized));
  for (int b = 0; b < 256; ++b) {
    raw_first[b] = raw_added.starts(static_cast<unsigned char>(b));
    normalized_first[b] = normalized_added.starts(static_cast<unsigned char>(b));
  }
}

void Tokenizer::Core::cut(std::string_view text, bool normalized, bool parse_special,
                          std::vector<Segment>& out) const {
  const Trie& trie = normalized ? normalized_added : raw_added;
  const bool* first = normalized ? normalized_first : raw_first;
  if (trie.empty()) {
    if (!text.empty()) out.emplace_back(text, -1);
    return;
  }
  size_t done = 0;
  for (size_t i = 0; i < text.size();) {
    if (!first[static_cast<unsigned char>(text[i])]) {
      ++i;
      continue;
    }
    const auto [length, place] = trie.longest(text.substr(i));
    if (!length) {
      ++i;
      continue;
    }
    const AddedToken& a = added[static_cast<size_t>(place)];
    size_t begin = i, end = i + length;
    i = end;  // what was found is used up even where it does not count
    if (!parse_special && a.special) continue;
    if (a.single_word && (is_word_at(text.substr(0, begin), true) || is_word_at(text.substr(end), false)))
      continue;
    if (a.lstrip) begin = std::max(blanks_at_end(text.substr(0, begin)), done);
    if (a.rstrip) end += blanks_at_start(text.substr(end));
    if (done < begin) out.emplace_back(text.substr(done, begin - done), -1);
    if (begin < end) out.emplace_back(text.substr(begin, end - begin), a.id);
    done = end;  // blanks taken on the right can hold further tokens, which count again
  }
  if (done < text.size()) out.emplace_back(text.substr(done), -1);
}

void Tokenizer::Core::encode_word(std::string_view word, Scratch& scratch, std::vector<int32_t>& out) const {
  if (word.size() > WordCache::kMostBytes || word.empty()) return model->encode(word, scratch, out);
  const WordCache::Key key = WordCache::key_of(word);
  WordCache::Entry& entry = scratch.cache.at(key);
  if (entry.key == key && entry.count > 0) {
    const size_t before = out.size();
    out.resize(before + entry.count);
    for (uint32_t i = 0; i < entry.count; ++i) out[before + i] = entry.ids[i];
    return;
  }
  const size_t before = out.size();
  model->encode(word, scratch, out);
  const size_t count = out.size() - before;
  if (count == 0 || count > WordCache::kMostIds) return;
  entry.key = key;
  entry.count = static_cast<uint32_t>(count);
  std::copy_n(out.begin() + static_cast<long>(before), count, entry.ids);
}

void Tokenizer::Core::encode_text(std::string_view text, bool at_start, Scratch& scratch,
                                  std::vector<int32_t>& out) const {
  std::string prefixed;
  if (fast.scanner) {
    if (fast.add_prefix_space && !text.starts_with(' ')) {
      prefixed = " ";
      prefixed += text;
      text = prefixed;
    }
    const char *p = text.data(), *end = p + text.size();
    while (p < end) {
      const size_t n = fast.scanner(p, end);
      encode_word({p, n}, scratch, out);
      p += n;
    }
    return;
  }
  Pieces words;
  words.list.push_back(text);
  words.at_start = at_start;
  for (const auto& p : pre_tokenizers) {
    if (words.list.empty()) break;
    const std::string_view first = words.list[0];
    p->apply(words);
    // What came before the first word is gone: no word begins the text any more.
    const auto at = reinterpret_cast<uintptr_t>(words.list.empty() ? nullptr : words.list[0].data());
    const auto begin = reinterpret_cast<uintptr_t>(first.data());
    if (at > begin && at < begin + first.size()) words.at_start = false;
  }
  const bool cuts = model->cut_at_metaspace();
  for (std::string_view word : words.list) {
    if (!model->cacheable()) {
      model->encode(word, scratch, out);
      continue;
    }
    while (cuts && !word.empty()) {
      size_t n = 0;
      while (word.substr(n).starts_with(kMetaspace)) n += kMetaspace.size();
      n = std::min(word.find(kMetaspace, std::max<size_t>(n, 1)), word.size());
      encode_word(word.substr(0, n), scratch, out);
      word.remove_prefix(n);
    }
    if (!word.empty()) encode_word(word, scratch, out);
  }
}

void Tokenizer::Core::encode(std::string_view text, const EncodeOptions& options,
                             std::vector<int32_t>& out) const {
  std::unique_ptr<Scratch> scratch;
  {
    const std::lock_guard lock(pool_.mutex);
    if (!pool_.free.empty()) {
      scratch = std::move(pool_.free.back());
      pool_.free.pop_back();
    }
  }
  if (!scratch) scratch = std::make_unique<Scratch>();

  std::string repaired;
  if (!takes_bytes && !sp && !utf8_valid(text)) text = repaired = utf8_replace_invalid(text);
  const bool parse_special = options.parse_special && control_in_text;
  std::vector<Segment> segments;
  cut(text, false, parse_special, segments);
  bool prefix = true;
  for (const auto& [segment, id] : segments) {
    if (id >= 0) {
      out.push_back(id);
      prefix = prefix_every_segment;
      continue;
    }
    if (sp) {
      const size_t before = out.size();
      sp->encode(segment, prefix, *scratch, out);
      if (!remap.empty())
        for (size_t i = before; i < out.size(); ++i) out[i] = remap[static_cast<size_t>(out[i])];
      prefix = prefix_every_segment;
      continue;
    }
    bool at_start = segment.data() == text.data();
    if (normalizers.empty() && normalized_added.empty()) {
      encode_text(segment, at_start, *scratch, out);
      continue;
    }
    std::string normalized(segment);
    for (const auto& n : normalizers) {
      // A text whose first character the normalizer drops no longer begins at the start.
      if (prefix_first && at_start && !normalized.empty()) {
        std::string first = normalized.substr(0, utf8_length(static_cast<unsigned char>(normalized[0])));
        n->apply(first);
        at_start = !first.empty();
      }
      n->apply(normalized);
    }
    std::vector<Segment> inner;
    cut(normalized, true, parse_special, inner);
    for (const auto& [part, part_id] : inner) {
      if (part_id >= 0)
        out.push_back(part_id);
      else
        encode_text(part, at_start && part.data() == normalized.data(), *scratch, out);
    }
  }
  const std::lock_guard lock(pool_.mutex);
  if (pool_.free.size() < 64) pool_.free.push_back(std::move(scratch));
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  std::vector<int32_t> out;
  out.reserve(text.size() / 3 + 8);
  if (!options.add_special) {
    core_->encode(text, options, out);
    return out;
  }
  for (const int32_t id : core_->post) {
    if (id == kSequence)
      core_->encode(text, options, out);
    else
      out.push_back(id);
  }
  return out;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, const DecodeOptions& options) const {
  StreamDecoder stream(*this, options);
  std::string out;
  for (const int32_t id : ids) out += stream.push(id);
  return out + stream.finish();
}

int32_t Tokenizer::vocab_size() const { return static_cast<int32_t>(core_->pieces.size()); }

std::string_view Tokenizer::piece(int32_t id) const {
  return id >= 0 && id < vocab_size() ? std::string_view(core_->pieces[static_cast<size_t>(id)])
                                      : std::string_view();
}

std::string Tokenizer::bytes(int32_t id) const {
  std::string out(piece(id));
  if (out.empty()) return out;
  if (is_special(id)) return out;
  if (core_->spelling == Core::Spelling::byte_alphabet) {
    std::string raw;
    return from_byte_alphabet(out, raw) ? raw : out;
  }
  if (core_->spelling == Core::Spelling::metaspace) {
    if (const int b = byte_piece(out); b >= 0) return std::string(1, static_cast<char>(b));
    std::string raw;
    for (size_t i = 0; i < out.size();) {
      const bool blank = std::string_view(out).substr(i).starts_with(kMetaspace);
      raw += blank ? ' ' : out[i];
      i += blank ? kMetaspace.size() : 1;
    }
    return raw;
  }
  if (core_->spelling == Core::Spelling::wordpiece) return out.starts_with("##") ? out.substr(2) : " " + out;
  if (core_->spelling == Core::Spelling::word_end && out.ends_with("</w>"))
    return out.substr(0, out.size() - 4) + " ";
  return out;
}

std::optional<int32_t> Tokenizer::id(std::string_view piece) const {
  const int32_t id = core_->index.find(piece);
  return id < 0 ? std::nullopt : std::optional(id);
}

const SpecialIds& Tokenizer::special() const { return core_->special; }
bool Tokenizer::is_special(int32_t id) const {
  return id >= 0 && id < vocab_size() && core_->is_special[static_cast<size_t>(id)];
}
const std::vector<int32_t>& Tokenizer::end_of_generation() const { return core_->end_of_generation; }
bool Tokenizer::is_end_of_generation(int32_t id) const {
  const auto& ids = core_->end_of_generation;
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}
bool Tokenizer::adds_bos() const {
  return core_->special.bos && !core_->post.empty() && core_->post.front() == *core_->special.bos;
}
bool Tokenizer::adds_eos() const {
  return core_->special.eos && !core_->post.empty() && core_->post.back() == *core_->special.eos;
}
std::string Tokenizer::kind() const { return core_->kind; }

struct StreamDecoder::State {
  std::shared_ptr<const Tokenizer::Core> keep;
  Tokenizer tokenizer;
  DecodeOptions options;
  DecodeChain chain;
};

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, const DecodeOptions& options)
    : state_(new State{nullptr, tokenizer, options, DecodeChain(tokenizer.core().make_steps())}) {}
StreamDecoder::~StreamDecoder() = default;
StreamDecoder::StreamDecoder(StreamDecoder&&) noexcept = default;
StreamDecoder& StreamDecoder::operator=(StreamDecoder&&) noexcept = default;

std::string StreamDecoder::push(int32_t id) {
  const Tokenizer& t = state_->tokenizer;
  if (id < 0 || id >= t.vocab_size() || (state_->options.skip_special && t.is_special(id))) return {};
  const Tokenizer::Core& core = t.core();
  const auto at = static_cast<size_t>(id);
  const std::string& shown = core.decode_pieces[at].empty() ? core.pieces[at] : core.decode_pieces[at];
  if (shown.empty()) return {};
  state_->chain.push(shown, id);
  return state_->chain.take();
}
std::string StreamDecoder::finish() { return state_->chain.finish(); }

}  // namespace ridge
