#include "text/trie.h"

#include <algorithm>

namespace ridge::text {

Trie::Trie(std::vector<std::pair<std::string_view, int32_t>> keys) {
  std::erase_if(keys, [](const auto& k) { return k.first.empty(); });
  std::stable_sort(keys.begin(), keys.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  // Breadth first, so that the children of a node are neighbours: (first key, last key, depth) of each node.
  struct Work {
    size_t begin, end, depth;
  };
  std::vector<Work> work{{0, keys.size(), 0}};
  nodes_.emplace_back();
  for (size_t node = 0; node < work.size(); ++node) {
    auto [begin, end, depth] = work[node];
    while (begin < end && keys[begin].first.size() == depth) nodes_[node].value = keys[begin++].second;
    nodes_[node].first = static_cast<uint32_t>(work.size());
    while (begin < end) {
      const auto byte = static_cast<unsigned char>(keys[begin].first[depth]);
      size_t stop = begin + 1;
      while (stop < end && static_cast<unsigned char>(keys[stop].first[depth]) == byte) ++stop;
      nodes_[node].bits[byte >> 6] |= uint64_t{1} << (byte & 63);
      work.push_back({begin, stop, depth + 1});
      nodes_.emplace_back();
      begin = stop;
    }
  }
}

}  // namespace ridge::text
