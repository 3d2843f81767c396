#include "state/batch.h"

#include <cstddef>

namespace ridge {

Batch Batch::one(std::vector<int32_t> tokens, bool last_only, int slot) {
  Batch b;
  b.add(slot, tokens, last_only);
  return b;
}

Batch Batch::of_length(int64_t length, bool last_only, int sequences) {
  Batch b;
  for (int s = 0; s < sequences; ++s)
    b.add(s, std::vector<int32_t>(static_cast<std::size_t>(length), 0), last_only);
  return b;
}

void Batch::add(int slot, const std::vector<int32_t>& next, bool last_only) {
  const auto begin = static_cast<int32_t>(tokens.size());
  tokens.insert(tokens.end(), next.begin(), next.end());
  spans.push_back({slot, begin, static_cast<int64_t>(next.size())});
  for (auto i = begin; i < static_cast<int32_t>(tokens.size()); ++i)
    if (!last_only || i + 1 == static_cast<int32_t>(tokens.size())) outputs.push_back(i);
}

}  // namespace ridge
