// A trie over bytes: all pieces that begin at a place of a text.
#pragma once
#include <bit>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace ridge::text {

class Trie {
 public:
  // Keys with their values (>= 0); of equal keys the last counts. Empty keys are left out.
  explicit Trie(std::vector<std::pair<std::string_view, int32_t>> keys = {});

  bool empty() const { return nodes_.size() < 2; }

  // Calls f(length, value) for each key that begins `text`, shortest first; f returns false to stop.
  template <typename F>
  void prefixes(std::string_view text, F&& f) const {
    uint32_t node = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      node = child(node, static_cast<unsigned char>(text[i]));
      if (!node) return;
      if (nodes_[node].value >= 0 && !f(i + 1, nodes_[node].value)) return;
    }
  }
  // The longest key that begins `text`: its length and value, or length 0.
  std::pair<size_t, int32_t> longest(std::string_view text) const {
    std::pair<size_t, int32_t> best{0, -1};
    prefixes(text, [&](size_t length, int32_t value) {
      best = {length, value};
      return true;
    });
    return best;
  }
  bool starts(unsigned char byte) const { return child(0, byte) != 0; }

 private:
  // Children of a node lie together, in the order of their bytes; a bitmap says which there are.
  struct Node {
    uint64_t bits[4] = {0, 0, 0, 0};
    uint32_t first = 0;
    int32_t value = -1;
  };
  std::vector<Node> nodes_;

  uint32_t child(uint32_t node, unsigned char byte) const {
    const Node& n = nodes_[node];
    const uint64_t word = n.bits[byte >> 6], bit = uint64_t{1} << (byte & 63);
    if (!(word & bit)) return 0;
    uint32_t before = static_cast<uint32_t>(std::popcount(word & (bit - 1)));
    for (int i = 0; i < byte >> 6; ++i) before += static_cast<uint32_t>(std::popcount(n.bits[i]));
    return n.first + before;
  }
};

}  // namespace ridge::text
