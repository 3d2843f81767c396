// Unigram (Kudo, 2018), WordPiece (Schuster and Nakajima, 2012), WordLevel, and the greedy trie of RWKV
// World.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "text/model.h"
#include "text/unicode.h"

namespace ridge::text {
namespace {

constexpr double kUnknownPenalty = 10.0;

class Unigram : public Model {
 public:
  Unigram(const std::vector<std::string>& pieces, const std::vector<double>& scores, int32_t unk_id,
          bool byte_fallback, const PieceIndex& index)
      : scores_(scores), unk_(unk_id), byte_fallback_(byte_fallback), index_(index) {
    std::vector<std::pair<std::string_view, int32_t>> keys;
    double least = std::numeric_limits<double>::infinity();
    for (size_t id = 0; id < pieces.size() && id < scores.size(); ++id) {
      keys.emplace_back(pieces[id], static_cast<int32_t>(id));
      least = std::min(least, scores[id]);
    }
    trie_ = Trie(std::move(keys));
    unk_score_ = least - kUnknownPenalty;
  }

  void encode(std::string_view word, Scratch&, std::vector<int32_t>& out) const override {
    struct Node {
      double score = 0;
      int64_t from = -1;
      int32_t id = 0;
    };
    const size_t size = word.size();
    std::vector<Node> best(size + 1);  // best path that ends at each byte
    const auto offer = [&](size_t from, size_t to, int32_t id, double score) {
      Node& node = best[to];
      if (node.from < 0 || score > node.score) node = {score, static_cast<int64_t>(from), id};
    };
    for (size_t i = 0; i < size;) {
      const size_t n = utf8_length(static_cast<unsigned char>(word[i]));
      const double so_far = best[i].score;
      bool single = false;
      trie_.prefixes(word.substr(i), [&](size_t length, int32_t id) {
        offer(i, i + length, id, scores_[static_cast<size_t>(id)] + so_far);
        single = single || length == n;
        return true;
      });
      if (!single) {
        if (unk_ < 0) fail(Fault::file, "the Unigram vocabulary lacks a character and has no unknown token");
        offer(i, i + n, unk_, unk_score_ + so_far);
      }
      i += n;
    }
    std::vector<Span> path;  // from the end; unknown characters in a row are one
    bool previous_unknown = false;
    for (size_t end = size; end > 0;) {
      const Node& node = best[end];
      const auto from = static_cast<size_t>(node.from);
      const bool unknown = node.id == unk_;
      if (unknown && previous_unknown) {
        path.back().first = from;
      } else {
        path.emplace_back(from, end);
      }
      previous_unknown = unknown;
      end = from;
    }
    for (size_t k = path.size(); k-- > 0;)
      emit(word.substr(path[k].first, path[k].second - path[k].first), out);
  }

 private:
  using Span = std::pair<size_t, size_t>;
  std::vector<double> scores_;
  int32_t unk_;
  bool byte_fallback_;
  const PieceIndex& index_;
  Trie trie_;
  double unk_score_ = 0;

  void emit(std::string_view piece, std::vector<int32_t>& out) const {
    if (const int32_t id = index_.find(piece); id >= 0) return out.push_back(id);
    if (byte_fallback_) {
      const size_t before = out.size();
      for (const char c : piece) {
        const int32_t id = index_.find(fmt::format("<0x{:02X}>", static_cast<uint8_t>(c)));
        if (id < 0) break;
        out.push_back(id);
      }
      if (out.size() - before == piece.size()) return;
      out.resize(before);
    }
    if (unk_ < 0) fail(Fault::file, "the Unigram vocabulary lacks a character and has no unknown token");
    out.push_back(unk_);
  }
};

class WordPiece : public Model {
 public:
  WordPiece(const PieceIndex& index, const std::string& unk_token, std::string prefix, size_t most,
            const std::string& what)
      : index_(index),
        prefix_(std::move(prefix)),
        most_(most),
        unk_(index.find(unk_token)),
        unk_token_(unk_token),
        what_(what) {}

  void encode(std::string_view word, Scratch&, std::vector<int32_t>& out) const override {
    size_t characters = 0;
    for (const char c : word) characters += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    const size_t before = out.size();
    std::string piece;
    // The pieces of a word are at most `most_` characters, so trying all ends is bounded by most_^2 a word.
    for (size_t begin = 0; characters <= most_ && begin < word.size();) {
      size_t end = word.size();
      int32_t id = -1;
      while (end > begin) {
        piece.assign(begin > 0 ? prefix_ : "");
        piece += word.substr(begin, end - begin);
        id = index_.find(piece);
        if (id >= 0) break;
        do --end;
        while (end > begin && (static_cast<unsigned char>(word[end]) & 0xC0) == 0x80);
      }
      if (id < 0) {
        out.resize(before);
        return out.push_back(unk());
      }
      out.push_back(id);
      begin = end;
    }
    if (characters > most_) out.push_back(unk());
  }

 private:
  const PieceIndex& index_;
  std::string prefix_;
  size_t most_;
  int32_t unk_;
  std::string unk_token_, what_;

  int32_t unk() const {
    if (unk_ < 0)
      fail(Fault::file, "{}: the unknown token {} is not in the vocabulary", what_, printable(unk_token_));
    return unk_;
  }
};

class WordLevel : public Model {
 public:
  WordLevel(const PieceIndex& index, const std::string& unk_token)
      : index_(index), unk_(index.find(unk_token)) {}
  void encode(std::string_view word, Scratch&, std::vector<int32_t>& out) const override {
    const int32_t id = index_.find(word);
    if (id < 0 && unk_ < 0)
      fail(Fault::file, "the WordLevel vocabulary lacks a word and has no unknown token");
    out.push_back(id < 0 ? unk_ : id);
  }

 private:
  const PieceIndex& index_;
  int32_t unk_;
};

class Greedy : public Model {
 public:
  explicit Greedy(const std::vector<std::string>& pieces) {
    std::vector<std::pair<std::string_view, int32_t>> keys;
    for (size_t id = 0; id < pieces.size(); ++id) keys.emplace_back(pieces[id], static_cast<int32_t>(id));
    trie_ = Trie(std::move(keys));
  }
  void encode(std::string_view word, Scratch&, std::vector<int32_t>& out) const override {
    for (size_t i = 0; i < word.size();) {
      const auto [length, id] = trie_.longest(word.substr(i));
      if (!length)
        fail(Fault::file, "the vocabulary has no piece for byte 0x{:02x}",
             static_cast<unsigned char>(word[i]));
      out.push_back(id);
      i += length;
    }
  }
  bool cacheable() const override { return false; }

 private:
  Trie trie_;
};

}  // namespace

std::unique_ptr<Model> make_unigram(const std::vector<std::string>& pieces, const std::vector<double>& scores,
                                    int32_t unk_id, bool byte_fallback, const PieceIndex& index) {
  return std::make_unique<Unigram>(pieces, scores, unk_id, byte_fallback, index);
}
std::unique_ptr<Model> make_wordpiece(const PieceIndex& index, const std::string& unk_token,
                                      const std::string& prefix, size_t most_characters,
                                      const std::string& what) {
  return std::make_unique<WordPiece>(index, unk_token, prefix, most_characters, what);
}
std::unique_ptr<Model> make_wordlevel(const PieceIndex& index, const std::string& unk_token) {
  return std::make_unique<WordLevel>(index, unk_token);
}
std::unique_ptr<Model> make_greedy(const std::vector<std::string>& pieces) {
  return std::make_unique<Greedy>(pieces);
}

}  // namespace ridge::text
