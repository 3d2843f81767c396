// Models of tokenizers: from a word to ids.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/trie.h"

namespace ridge::text {

// Ids by piece and pieces by id. Pieces must not move while an index is alive.
class PieceIndex {
 public:
  void add(std::string_view piece, int32_t id) { ids_[piece] = id; }
  int32_t find(std::string_view piece) const {
    const auto it = ids_.find(piece);
    return it == ids_.end() ? -1 : it->second;
  }
  size_t size() const { return ids_.size(); }
  void reserve(size_t n) { ids_.reserve(n); }

 private:
  std::unordered_map<std::string_view, int32_t> ids_;
};

// The ids of short words met before, direct-mapped: a bounded memory that never needs to be cleaned.
class WordCache {
 public:
  static constexpr size_t kMostBytes = 23, kMostIds = 9;
  struct Key {
    uint64_t part[3];  // the bytes, zero-padded, and the length in the last byte
    bool operator==(const Key& o) const {
      return ((part[0] ^ o.part[0]) | (part[1] ^ o.part[1]) | (part[2] ^ o.part[2])) == 0;
    }
  };
  struct Entry {
    Key key;
    uint32_t count;
    int32_t ids[kMostIds];
  };

  WordCache() : entries_(kEntries) {}
  static Key key_of(std::string_view word) {
    Key key{};
    std::memcpy(key.part, word.data(), word.size());
    key.part[2] |= static_cast<uint64_t>(word.size()) << 56;
    return key;
  }
  Entry& at(const Key& key) {
    uint64_t h = key.part[0] * 0x9E3779B97F4A7C15u ^ (key.part[1] + 0x7F4A7C15u) * 0xC2B2AE3D27D4EB4Fu ^
                 key.part[2] * 0x165667B19E3779F9u;
    h ^= h >> 29;
    h *= 0xBF58476D1CE4E5B9u;
    return entries_[h >> (64 - kBits)];
  }

 private:
  static constexpr int kBits = 14;
  static constexpr size_t kEntries = size_t{1} << kBits;  // of 64 bytes
  std::vector<Entry> entries_;
};

// What one encode() works in; pooled, so that callers in many threads do not meet.
struct Scratch {
  WordCache cache;
  std::vector<int32_t> symbols;
  std::vector<uint32_t> ranks;
};

class Model {
 public:
  virtual ~Model() = default;
  // Appends the ids of `word` (valid UTF-8 unless the model takes bytes).
  virtual void encode(std::string_view word, Scratch& scratch, std::vector<int32_t>& out) const = 0;
  // Whether equal words always have equal ids, so that they may be cached.
  virtual bool cacheable() const { return true; }
  // Whether a word may be cut before each U+2581 that follows another character, without changing the ids.
  virtual bool cut_at_metaspace() const { return false; }
};

// Merges of pairs: (left, right) -> (rank, merged). Open addressing.
class MergeTable {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Merge {
    uint32_t rank = kNone;
    int32_t id = -1;
  };
  void reserve(size_t merges);
  // A later add of the same pair replaces the earlier one, as in a map.
  void add(int32_t left, int32_t right, uint32_t rank, int32_t id);
  Merge find(int32_t left, int32_t right) const {
    const uint64_t key = key_of(left, right);
    for (size_t i = hash(key);; i = (i + 1) & mask_) {
      const Slot& s = slots_[i];
      if (s.key == key) return s.merge;
      if (s.key == kEmpty) return {};
    }
  }

 private:
  static constexpr uint64_t kEmpty = UINT64_MAX;
  struct Slot {
    uint64_t key = kEmpty;
    Merge merge;
  };
  std::vector<Slot> slots_ = std::vector<Slot>(2);
  size_t mask_ = 1, used_ = 0;
  int shift_ = 63;

  static uint64_t key_of(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  size_t hash(uint64_t key) const { return (key ^ key >> 31) * 0x9E3779B97F4A7C15u >> shift_; }
};

// Joins pairs in `symbols`, the lowest rank first and of equal ranks the leftmost, until none is left.
// Symbols < -1 are frozen. Short lists by a plain loop, long ones by a queue in O(n log n).
void merge_symbols(const MergeTable& merges, std::vector<int32_t>& symbols, std::vector<uint32_t>& ranks);

// The same by the queue, telling `seen(left, right, joined)` of each pair in the order it is looked at.
void merge_symbols_recording(const MergeTable& merges, std::vector<int32_t>& symbols,
                             const std::function<void(int32_t, int32_t, int32_t)>& seen);

struct BpeOptions {
  bool bytes = false;  // words are raw bytes; pieces are spelt in the byte alphabet
  bool byte_fallback = false, fuse_unk = false, ignore_merges = false;
  std::string unk_token;  // "": none
  bool has_unk = false;
  std::string continuing_subword_prefix, end_of_word_suffix;
  bool rank_by_id = false;  // tiktoken: pairs with the same outcome have the same rank
};
struct PairMerge {
  int32_t left, right, merged;
};
// All ways to cut a whole into two halves: f(left, right, whole) by the values that the keys carry. Linear in
// the text of the keys.
using Keys = std::vector<std::pair<std::string_view, int32_t>>;
void all_splits(const Keys& halves, const Keys& wholes,
                const std::function<void(int32_t, int32_t, int32_t)>& f);
// The merges of a SentencePiece BPE vocabulary: all splits of its pieces into pieces, best score first, of
// equal scores the longer halves first, as the published conversion orders them.
std::vector<PairMerge> merges_by_score(const std::vector<std::string>& pieces,
                                       const std::vector<float>& scores, const std::vector<int32_t>& types);

std::unique_ptr<Model> make_bpe(const std::vector<std::string>& pieces, const PieceIndex& index,
                                const std::vector<PairMerge>& merges, const BpeOptions& options,
                                const std::string& what);

// Unigram as the `tokenizers` library computes it (scores in double).
std::unique_ptr<Model> make_unigram(const std::vector<std::string>& pieces, const std::vector<double>& scores,
                                    int32_t unk_id, bool byte_fallback, const PieceIndex& index);
std::unique_ptr<Model> make_wordpiece(const PieceIndex& index, const std::string& unk_token,
                                      const std::string& prefix, size_t most_characters,
                                      const std::string& what);
std::unique_ptr<Model> make_wordlevel(const PieceIndex& index, const std::string& unk_token);
// The longest piece at each place (RWKV World); pieces are bytes.
std::unique_ptr<Model> make_greedy(const std::vector<std::string>& pieces);

}  // namespace ridge::text
