#include "text/sentencepiece.h"

#include <fmt/format.h>

#include <algorithm>
#include <cfloat>
#include <numeric>

#include "base/error.h"
#include "text/decoder.h"
#include "text/unicode.h"

namespace ridge::text {
namespace {

enum Type : int32_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

// Bytes of the character by its lead byte alone, as the library steps.
size_t one_character(std::string_view text) {
  const auto b = static_cast<unsigned char>(text[0]);
  const size_t n = b < 0xC0 ? 1 : b < 0xE0 ? 2 : b < 0xF0 ? 3 : 4;
  return std::min(n, text.size());
}

bool blank_inside(std::string_view piece) {
  for (size_t i = piece.find(kMetaspace, 1); i != std::string_view::npos; i = piece.find(kMetaspace, i + 3))
    if (i < 3 || piece.substr(i - 3, 3) != kMetaspace) return true;
  return false;
}

}  // namespace

SentencePieceEncoder::SentencePieceEncoder(const SentencePieceSpec& spec, const std::string& what)
    : spec_(spec), what_(what), map_(spec.charsmap, what), byte_ids_(256, -1), least_(FLT_MAX) {
  std::vector<std::pair<std::string_view, int32_t>> user, all;
  bool inside = false;
  for (size_t i = 0; i < spec.pieces.size(); ++i) {
    const std::string& piece = spec.pieces[i];
    const auto id = static_cast<int32_t>(i);
    const int32_t type = spec.types[i];
    const bool normal = type == kNormal || type == kUserDefined || type == kUnused || type == 0;
    // Files in the wild have doubles; the first counts.
    if (normal && normal_.find(piece) < 0) {
      normal_.add(piece, id);
      all.emplace_back(piece, id);
      inside = inside || blank_inside(piece);
    }
    if (type == kNormal) least_ = std::min(least_, spec.scores[i]);
    if (type == kUserDefined) user.emplace_back(piece, id);
    if (type == kUnused) has_unused_ = true;
    if (type == kUnknown) unk_ = id;
    if (type == kByte)
      if (const int b = byte_piece(piece); b >= 0) byte_ids_[static_cast<size_t>(b)] = id;
  }
  user_defined_ = Trie(std::move(user));
  if (spec.kind == SentencePieceKind::unigram) {
    trie_ = Trie(std::move(all));
  } else if (spec.kind == SentencePieceKind::bpe) {
    build_merges();
  }
  cut_ = spec.kind == SentencePieceKind::bpe && !inside && spec.escape_whitespaces && !has_unused_;
}

// Two symbols may join where their text together is a piece; the rank of the joint is that of its score.
// Symbols are pieces, and characters that are no pieces; user-defined pieces never join.
void SentencePieceEncoder::build_merges() {
  const auto n = static_cast<int32_t>(spec_.pieces.size());
  const auto is_normal = [&](int32_t id) {
    const int32_t t = spec_.types[static_cast<size_t>(id)];
    return t == kNormal || t == kUserDefined || t == kUnused || t == 0;
  };
  std::vector<int32_t> order;
  for (int32_t id = 0; id < n; ++id)
    if (is_normal(id) && normal_.find(spec_.pieces[static_cast<size_t>(id)]) == id) order.push_back(id);
  // Characters that are no pieces of their own.
  for (const int32_t id : order) {
    const std::string& piece = spec_.pieces[static_cast<size_t>(id)];
    for (size_t i = 0; i < piece.size();) {
      const std::string_view c =
          std::string_view(piece).substr(i, one_character(std::string_view(piece).substr(i)));
      i += c.size();
      if (c.size() != piece.size() && normal_.find(c) < 0) characters_.emplace_back(c);
    }
  }
  std::sort(characters_.begin(), characters_.end());
  characters_.erase(std::unique(characters_.begin(), characters_.end()), characters_.end());
  for (size_t i = 0; i < characters_.size(); ++i)
    character_index_.add(characters_[i], n + static_cast<int32_t>(i));

  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return spec_.scores[static_cast<size_t>(a)] > spec_.scores[static_cast<size_t>(b)];
  });
  Keys halves, wholes;
  std::vector<uint32_t> ranks(spec_.pieces.size());
  uint32_t rank = 0;
  for (size_t k = 0; k < order.size(); ++k) {
    const auto id = static_cast<size_t>(order[k]);
    if (k > 0 && spec_.scores[id] != spec_.scores[static_cast<size_t>(order[k - 1])]) ++rank;
    ranks[id] = rank;
    wholes.emplace_back(spec_.pieces[id], order[k]);
    if (spec_.types[id] != kUserDefined) halves.emplace_back(spec_.pieces[id], order[k]);
  }
  for (size_t i = 0; i < characters_.size(); ++i)
    halves.emplace_back(characters_[i], n + static_cast<int32_t>(i));
  all_splits(halves, wholes, [&](int32_t left, int32_t right, int32_t whole) {
    merges_.add(left, right, ranks[static_cast<size_t>(whole)], whole);
  });
}

SentencePieceEncoder::Prefix SentencePieceEncoder::normalize_prefix(std::string_view text) const {
  if (!user_defined_.empty())
    if (const auto [length, id] = user_defined_.longest(text); length)
      return {text.substr(0, length), length};
  if (!map_.empty())
    if (const auto found = map_.longest(text); found.length) return {found.replacement, found.length};
  const Utf8Step step = utf8_step(text);
  if (!step.valid) return {kReplacement, 1};
  return {text.substr(0, step.length), step.length};
}

std::string SentencePieceEncoder::normalize(std::string_view text, bool prefix) const {
  std::string out;
  const std::string_view blank = spec_.escape_whitespaces ? kMetaspace : std::string_view(" ", 1);
  if (spec_.remove_extra_whitespaces)
    while (!text.empty()) {
      const Prefix p = normalize_prefix(text);
      if (p.text != " ") break;
      text.remove_prefix(p.consumed);
    }
  if (text.empty()) return out;
  out.reserve(text.size() * 3 / 2 + 8);
  prefix = prefix && spec_.add_dummy_prefix;
  if (prefix && !spec_.whitespace_as_suffix) out += blank;
  bool after_blank = spec_.remove_extra_whitespaces;
  while (!text.empty()) {
    Prefix p = normalize_prefix(text);
    while (after_blank && p.text.starts_with(' ')) p.text.remove_prefix(1);
    if (!p.text.empty()) {
      for (const char c : p.text) {
        if (c == ' ')
          out += blank;
        else
          out += c;
      }
      after_blank = p.text.ends_with(' ');
    }
    text.remove_prefix(p.consumed);
    if (!spec_.remove_extra_whitespaces) after_blank = false;
  }
  size_t length = out.size();
  while (spec_.remove_extra_whitespaces && std::string_view(out).substr(0, length).ends_with(blank))
    length -= blank.size();
  out.erase(length);
  if (prefix && spec_.whitespace_as_suffix) out += blank;
  return out;
}

// The next character, or user-defined piece (true) as a whole.
std::pair<size_t, bool> SentencePieceEncoder::next_symbol(std::string_view text) const {
  if (!user_defined_.empty())
    if (const auto [length, id] = user_defined_.longest(text); length) return {length, true};
  return {one_character(text), false};
}

// Only normal pieces are found in a text: "<s>" in it is no control piece, and an unused piece is as good as
// none.
int32_t SentencePieceEncoder::piece_id(std::string_view piece) const {
  const int32_t id = normal_.find(piece);
  return id >= 0 && spec_.types[static_cast<size_t>(id)] == kUnused ? -1 : id;
}

void SentencePieceEncoder::put(std::string_view piece, int32_t id, Unknown& unknown,
                               std::vector<int32_t>& out) const {
  if (id >= 0 && id != unk_) {
    out.push_back(id);
    unknown.open = false;
    return;
  }
  if (spec_.byte_fallback && std::all_of(piece.begin(), piece.end(), [&](char c) {
        return byte_ids_[static_cast<unsigned char>(c)] >= 0;
      })) {
    for (const char c : piece) out.push_back(byte_ids_[static_cast<unsigned char>(c)]);
    unknown.open = false;
    return;
  }
  if (!unknown.open) {
    if (unk_ < 0) fail(Fault::file, "{}: no piece for {} and no unknown piece", what_, printable(piece));
    out.push_back(unk_);
    unknown = {true, {}};
  }
  if (!elsewhere_) return;
  unknown.text += piece;
  const int32_t found = elsewhere_->find(unknown.text);
  out.back() = found >= 0 ? found : unk_;
}

void SentencePieceEncoder::resegment(int32_t id, std::string_view text,
                                     const std::vector<std::pair<int32_t, int32_t>>& halves,
                                     std::vector<int32_t>& out, Unknown& unknown) const {
  const auto n = static_cast<int32_t>(spec_.pieces.size());
  if (id >= 0 && id < n && spec_.types[static_cast<size_t>(id)] == kUnused &&
      halves[static_cast<size_t>(id)].first >= 0) {
    const auto [left, right] = halves[static_cast<size_t>(id)];
    const size_t cut =
        (left < n ? spec_.pieces[static_cast<size_t>(left)] : characters_[static_cast<size_t>(left - n)])
            .size();
    resegment(left, text.substr(0, cut), halves, out, unknown);
    resegment(right, text.substr(cut), halves, out, unknown);
    return;
  }
  put(text, piece_id(text), unknown, out);
}

void SentencePieceEncoder::encode_bpe(std::string_view text, Scratch& scratch, std::vector<int32_t>& out,
                                      Unknown& unknown) const {
  // Symbols: ids of pieces, then of characters that are no pieces; frozen or unknown ones as -2 - their place
  // in `parts`.
  const auto n = static_cast<int32_t>(spec_.pieces.size());
  auto& symbols = scratch.symbols;
  symbols.clear();
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto [length, frozen] = next_symbol(text);
    const std::string_view part = text.substr(0, length);
    text.remove_prefix(length);
    int32_t id = frozen ? -1 : normal_.find(part);
    if (id < 0 && !frozen) id = character_index_.find(part);
    if (id < 0) {
      id = -2 - static_cast<int32_t>(parts.size());
      parts.push_back(part);
    }
    symbols.push_back(id);
  }
  std::vector<std::pair<int32_t, int32_t>> halves;
  if (has_unused_) {
    // How an unused piece came about last: the pair that formed it when it was last looked at.
    halves.assign(spec_.pieces.size(), {-1, -1});
    merge_symbols_recording(merges_, symbols, [&](int32_t left, int32_t right, int32_t id) {
      if (spec_.types[static_cast<size_t>(id)] == kUnused) halves[static_cast<size_t>(id)] = {left, right};
    });
  } else {
    merge_symbols(merges_, symbols, scratch.ranks);
  }
  for (const int32_t s : symbols) {
    if (s < 0) {
      const std::string_view part = parts[static_cast<size_t>(-2 - s)];
      put(part, piece_id(part), unknown, out);
    } else if (s >= n) {
      const std::string& c = characters_[static_cast<size_t>(s - n)];
      put(c, -1, unknown, out);
    } else if (has_unused_) {
      resegment(s, spec_.pieces[static_cast<size_t>(s)], halves, out, unknown);
    } else {
      put(spec_.pieces[static_cast<size_t>(s)], s, unknown, out);
    }
  }
}

// The scores of paths are kept in float and compared in double, as the library does: ties and near ties
// depend on it.
void SentencePieceEncoder::encode_unigram(std::string_view text, std::vector<int32_t>& out) const {
  struct Node {
    int32_t id = -1;
    float score = 0;
    int64_t from = -1;
  };
  std::vector<Node> best(text.size() + 1);
  const float unk_score = least_ - 10.0f;
  constexpr float kRebase = -1e5f;  // below it scores lose digits: they begin anew from here
  size_t reach = 0;                 // the farthest node that a path ends at
  const auto offer = [&](size_t from, size_t to, int32_t id, float score) {
    Node& node = best[to];
    if (node.from < 0 || score > node.score) node = {id, score, static_cast<int64_t>(from)};
    reach = std::max(reach, to);
  };
  for (size_t i = 0; i < text.size();) {
    const std::string_view rest = text.substr(i);
    const size_t n = one_character(rest);
    if (best[i].score < kRebase) {
      const float offset = best[i].score;
      for (size_t k = i; k <= reach; ++k) best[k].score -= offset;
    }
    const float so_far = best[i].score;
    bool single = false;
    trie_.prefixes(rest, [&](size_t length, int32_t id) {
      const int32_t type = spec_.types[static_cast<size_t>(id)];
      if (type == kUnused) return true;
      // A user-defined piece has a bonus that lets it win over pieces of usual scores.
      const float score = type == kUserDefined ? static_cast<float>(0.1 * static_cast<double>(length - 1))
                                               : spec_.scores[static_cast<size_t>(id)];
      offer(i, i + length, id, score + so_far);
      single = single || length == n;
      return true;
    });
    if (!single) offer(i, i + n, unk_, unk_score + so_far);
    i += n;
  }
  std::vector<std::pair<size_t, size_t>> path;
  for (size_t end = text.size(); end > 0;) {
    const auto from = static_cast<size_t>(best[end].from);
    path.emplace_back(from, end);
    end = from;
  }
  Unknown unknown;
  for (size_t k = path.size(); k-- > 0;)
    put(text.substr(path[k].first, path[k].second - path[k].first), best[path[k].second].id, unknown, out);
}

void SentencePieceEncoder::encode(std::string_view text, bool prefix, Scratch& scratch,
                                  std::vector<int32_t>& out) const {
  const std::string normalized = normalize(text, prefix);
  std::string_view rest = normalized;
  Unknown unknown;
  switch (spec_.kind) {
    case SentencePieceKind::unigram:
      encode_unigram(rest, out);
      return;
    case SentencePieceKind::character:
      while (!rest.empty()) {
        const size_t n = next_symbol(rest).first;
        put(rest.substr(0, n), piece_id(rest.substr(0, n)), unknown, out);
        rest.remove_prefix(n);
      }
      return;
    case SentencePieceKind::word:
      while (!rest.empty()) {  // a word begins at each blank
        size_t n = rest.find(kMetaspace, 1);
        if (n == std::string_view::npos) n = rest.size();
        put(rest.substr(0, n), piece_id(rest.substr(0, n)), unknown, out);
        rest.remove_prefix(n);
      }
      return;
    case SentencePieceKind::bpe:
      break;
  }
  if (!cut_) return encode_bpe(rest, scratch, out, unknown);
  // No piece has a blank inside, so words are independent and short ones are remembered.
  while (!rest.empty()) {
    size_t n = 0;
    while (rest.substr(n).starts_with(kMetaspace)) n += kMetaspace.size();
    n = std::min(rest.find(kMetaspace, std::max<size_t>(n, 1)), rest.size());
    const std::string_view word = rest.substr(0, n);
    rest.remove_prefix(n);
    // Unknown pieces join across words, so words that begin or end with one are not remembered.
    if (word.size() > WordCache::kMostBytes || unknown.open) {
      encode_bpe(word, scratch, out, unknown);
      continue;
    }
    const WordCache::Key key = WordCache::key_of(word);
    WordCache::Entry& entry = scratch.cache.at(key);
    if (entry.key == key && entry.count > 0) {
      out.insert(out.end(), entry.ids, entry.ids + entry.count);
      continue;
    }
    const size_t before = out.size();
    encode_bpe(word, scratch, out, unknown);
    const size_t count = out.size() - before;
    if (count > 0 && count <= WordCache::kMostIds && !unknown.open) {
      entry.key = key;
      entry.count = static_cast<uint32_t>(count);
      std::copy_n(out.begin() + static_cast<long>(before), count, entry.ids);
    }
  }
}

}  // namespace ridge::text
