// Byte-pair encoding (Sennrich et al., 2016) as the `tokenizers` library and tiktoken compute it.
#include <algorithm>
#include <queue>

#include "base/error.h"
#include "text/model.h"
#include "text/unicode.h"

#include <fmt/format.h>

namespace ridge::text {

void MergeTable::reserve(size_t merges) {
  size_t size = 2;
  shift_ = 63;
  while (size < merges * 2) {
    size *= 2;
    --shift_;
  }
  slots_.assign(size, {});
  mask_ = size - 1;
  used_ = 0;
}

void MergeTable::add(int32_t left, int32_t right, uint32_t rank, int32_t id) {
  if ((used_ + 1) * 2 > slots_.size()) {
    std::vector<Slot> old = std::move(slots_);
    reserve(old.size());
    for (const Slot& s : old)
      if (s.key != kEmpty)
        add(static_cast<int32_t>(s.key >> 32), static_cast<int32_t>(s.key & UINT32_MAX), s.merge.rank,
            s.merge.id);
  }
  const uint64_t key = key_of(left, right);
  size_t i = hash(key);
  while (slots_[i].key != kEmpty && slots_[i].key != key) i = (i + 1) & mask_;
  if (slots_[i].key == kEmpty) ++used_;
  slots_[i] = {key, {rank, id}};
}

namespace {

constexpr size_t kShort = 48;

inline MergeTable::Merge merge_of(const MergeTable& merges, int32_t left, int32_t right) {
  return (left | right) < 0 ? MergeTable::Merge{} : merges.find(left, right);
}

void merge_short(const MergeTable& merges, std::vector<int32_t>& symbols, std::vector<uint32_t>& ranks) {
  size_t n = symbols.size();
  std::array<int32_t, kShort> merged;  // what the pair (i, i + 1) becomes
  ranks.resize(n);
  const auto look = [&](size_t i) {
    const auto m = merge_of(merges, symbols[i], symbols[i + 1]);
    ranks[i] = m.rank;
    merged[i] = m.id;
  };
  for (size_t i = 0; i + 1 < n; ++i) look(i);
  while (n > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < n; ++i)
      if (ranks[i] < ranks[best]) best = i;
    if (ranks[best] == MergeTable::kNone) break;
    symbols[best] = merged[best];
    for (size_t i = best + 1; i + 1 < n; ++i) {
      symbols[i] = symbols[i + 1];
      ranks[i] = ranks[i + 1];
      merged[i] = merged[i + 1];
    }
    --n;
    if (best > 0) look(best - 1);
    if (best + 1 < n) look(best);
  }
  symbols.resize(n);
}

template <typename Seen>
void merge_long(const MergeTable& merges, std::vector<int32_t>& symbols, Seen&& seen) {
  struct Candidate {
    uint32_t rank;
    uint32_t at;
    int32_t left, right, id;
    bool operator<(const Candidate& o) const { return rank != o.rank ? rank > o.rank : at > o.at; }
  };
  const auto n = static_cast<uint32_t>(symbols.size());
  constexpr uint32_t kEnd = UINT32_MAX;
  constexpr int32_t kGone = INT32_MIN;
  std::vector<uint32_t> next(n), previous(n);
  for (uint32_t i = 0; i < n; ++i) {
    next[i] = i + 1 < n ? i + 1 : kEnd;
    previous[i] = i > 0 ? i - 1 : kEnd;
  }
  std::vector<Candidate> first;
  const auto candidate = [&](uint32_t at, Candidate& c) {
    const int32_t left = symbols[at], right = symbols[next[at]];
    const auto m = merge_of(merges, left, right);
    c = {m.rank, at, left, right, m.id};
    if (m.rank != MergeTable::kNone) seen(left, right, m.id);
    return m.rank != MergeTable::kNone;
  };
  Candidate c;
  for (uint32_t i = 0; i + 1 < n; ++i)
    if (candidate(i, c)) first.push_back(c);
  std::priority_queue<Candidate> queue(std::less<Candidate>(), std::move(first));
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    const uint32_t right = symbols[top.at] == kGone ? kEnd : next[top.at];
    if (right == kEnd || symbols[top.at] != top.left || symbols[right] != top.right) continue;
    symbols[top.at] = top.id;
    symbols[right] = kGone;
    next[top.at] = next[right];
    if (next[right] != kEnd) previous[next[right]] = top.at;
    if (previous[top.at] != kEnd && candidate(previous[top.at], c)) queue.push(c);
    if (next[top.at] != kEnd && candidate(top.at, c)) queue.push(c);
  }
  std::erase(symbols, kGone);
}

class Bpe : public Model {
 public:
  Bpe(const std::vector<std::string>& pieces, const PieceIndex& index, const std::vector<PairMerge>& merges,
      const BpeOptions& options, const std::string& what)
      : index_(index), o_(options) {
    merges_.reserve(merges.size());
    uint32_t rank = 0;
    bool joins_before_metaspace = false;
    for (const PairMerge& m : merges) {
      merges_.add(m.left, m.right, o_.rank_by_id ? static_cast<uint32_t>(m.merged) : rank++, m.merged);
      const std::string& piece = pieces[static_cast<size_t>(m.merged)];
      for (size_t i = piece.find(kMetaspace, 1); i != std::string::npos; i = piece.find(kMetaspace, i + 3))
        if (i < 3 || std::string_view(piece).substr(i - 3, 3) != kMetaspace) joins_before_metaspace = true;
    }
    for (int b = 0; b < 256; ++b) {
      const auto byte = static_cast<uint8_t>(b);
      byte_ids_[byte] =
          o_.bytes ? index.find(byte_character(byte)) : index.find(fmt::format("<0x{:02X}>", b));
    }
    all_bytes_ = std::none_of(byte_ids_.begin(), byte_ids_.end(), [](int32_t id) { return id < 0; });
    unk_ = o_.has_unk ? index.find(o_.unk_token) : -1;
    if (o_.has_unk && unk_ < 0) unk_name_ = o_.unk_token;
    if (o_.bytes && o_.ignore_merges) {
      words_.reserve(pieces.size());
      for (size_t id = 0; id < pieces.size(); ++id) {
        std::string bytes;
        if (!pieces[id].empty() && index.find(pieces[id]) == static_cast<int32_t>(id) &&
            from_byte_alphabet(pieces[id], bytes))
          words_.emplace(std::move(bytes), static_cast<int32_t>(id));
      }
    }
    plain_ = o_.continuing_subword_prefix.empty() && o_.end_of_word_suffix.empty();
    cut_ = !o_.bytes && plain_ && !o_.ignore_merges && !joins_before_metaspace && index.find(kMetaspace) >= 0;
    what_ = what;
  }

  bool cut_at_metaspace() const override { return cut_; }

  void encode(std::string_view word, Scratch& scratch, std::vector<int32_t>& out) const override {
    if (word.empty()) return;
    if (o_.ignore_merges) {
      if (o_.bytes) {
        const auto it = words_.find(word);
        if (it != words_.end()) return out.push_back(it->second);
      } else if (const int32_t id = index_.find(word); id >= 0) {
        return out.push_back(id);
      }
    }
    auto& symbols = scratch.symbols;
    symbols.clear();
    if (o_.bytes && plain_) {
      for (const char c : word) {
        const int32_t id = byte_ids_[static_cast<uint8_t>(c)];
        if (id >= 0 || unk_ >= 0 || !unk_name_.empty()) symbols.push_back(id);
      }
      if (!all_bytes_) replace_unknown(symbols);
    } else if (o_.bytes) {
      characters(to_byte_alphabet(word), symbols);
    } else {
      characters(word, symbols);
    }
    merge_symbols(merges_, symbols, scratch.ranks);
    out.insert(out.end(), symbols.begin(), symbols.end());
  }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  const PieceIndex& index_;
  BpeOptions o_;
  MergeTable merges_;
  std::array<int32_t, 256> byte_ids_;
  bool all_bytes_ = false, plain_ = false, cut_ = false;
  int32_t unk_ = -1;
  std::string unk_name_, what_;
  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>>
      words_;  // whole words of a byte-level vocabulary

  int32_t unk() const {
    if (unk_ < 0)
      fail(Fault::file, "{}: the unknown token {} is not in the vocabulary", what_, printable(unk_name_));
    return unk_;
  }

  // Bytes without a piece become the unknown token, or nothing.
  void replace_unknown(std::vector<int32_t>& symbols) const {
    std::vector<int32_t> out;
    bool pending = false;
    for (const int32_t id : symbols) {
      if (id >= 0) {
        if (pending) out.push_back(unk());
        pending = false;
        out.push_back(id);
      } else {
        if (pending && !o_.fuse_unk) out.push_back(unk());
        pending = true;
      }
    }
    if (pending) out.push_back(unk());
    symbols = std::move(out);
  }

  // The unknown token waits until a known piece follows, so that a run of unknown characters can become one;
  // pieces of byte fallback do not release it.
  void characters(std::string_view word, std::vector<int32_t>& symbols) const {
    bool pending = false;
    std::string spelt;
    for (size_t i = 0; i < word.size();) {
      const size_t n = std::min(utf8_length(static_cast<unsigned char>(word[i])), word.size() - i);
      std::string_view piece = word.substr(i, n);
      if (!plain_) {
        spelt.clear();
        if (i > 0) spelt += o_.continuing_subword_prefix;
        spelt += piece;
        if (i + n == word.size()) spelt += o_.end_of_word_suffix;
        piece = spelt;
      }
      i += n;
      if (const int32_t id = index_.find(piece); id >= 0) {
        if (pending) symbols.push_back(unk());
        pending = false;
        symbols.push_back(id);
        continue;
      }
      if (o_.byte_fallback && std::all_of(piece.begin(), piece.end(),
                                          [&](char c) { return byte_ids_[static_cast<uint8_t>(c)] >= 0; })) {
        for (const char c : piece) symbols.push_back(byte_ids_[static_cast<uint8_t>(c)]);
        continue;
      }
      if (!o_.has_unk) continue;
      if (pending && !o_.fuse_unk) symbols.push_back(unk());
      pending = true;
    }
    if (pending) symbols.push_back(unk());
  }
};

}  // namespace

void merge_symbols(const MergeTable& merges, std::vector<int32_t>& symbols, std::vector<uint32_t>& ranks) {
  if (symbols.size() < 2) return;
  if (symbols.size() <= kShort) {
    merge_short(merges, symbols, ranks);
  } else {
    merge_long(merges, symbols, [](int32_t, int32_t, int32_t) {});
  }
}

void merge_symbols_recording(const MergeTable& merges, std::vector<int32_t>& symbols,
                             const std::function<void(int32_t, int32_t, int32_t)>& seen) {
  if (symbols.size() > 1) merge_long(merges, symbols, seen);
}

std::unique_ptr<Model> make_bpe(const std::vector<std::string>& pieces, const PieceIndex& index,
                                const std::vector<PairMerge>& merges, const BpeOptions& options,
                                const std::string& what) {
  return std::make_unique<Bpe>(pieces, index, merges, options, what);
}

}  // namespace ridge::text
