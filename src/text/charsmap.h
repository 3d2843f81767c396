// The precompiled character map of SentencePiece: a Darts double-array trie (Aoe, 1989, in the layout of
// darts-clone) from byte strings to offsets into a block of NUL-terminated replacements.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ridge::text {

class CharsMap {
 public:
  CharsMap() = default;
  // The blob: size of the trie in bytes (uint32), trie, replacements. Empty means no map.
  CharsMap(std::string_view blob, const std::string& what);

  bool empty() const { return units_.empty(); }

  struct Found {
    size_t length = 0;  // bytes of the longest key that begins the text; 0: none
    std::string_view replacement;
  };
  Found longest(std::string_view text) const;
  Found shortest(std::string_view text) const;

 private:
  std::vector<uint32_t> units_;
  std::string replacements_;

  template <typename F>
  void walk(std::string_view text, F&& f) const;
  std::string_view replacement(uint32_t offset) const;
};

}  // namespace ridge::text
