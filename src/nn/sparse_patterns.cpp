#include "nn/sparse_patterns.h"

#include <algorithm>

namespace ridge {
namespace {

constexpr int64_t kQueries = 60;  // of a block: what the kernels take together, a multiple of their row tiles

int64_t size_of(const std::vector<SparseRange>& ranges) { return static_cast<int64_t>(ranges.size()); }

}  // namespace

void add_window(SparsePattern& p, int64_t begin, int64_t length, int64_t before, int64_t after,
                int64_t dilation) {
  std::vector<SparseRange> global;
  for (int64_t t = begin; t < begin + length; ++t) {
    if (p.marked.empty() || !p.marked[static_cast<size_t>(t)]) continue;
    if (!global.empty() && global.back().key + global.back().end == t)
      ++global.back().end;
    else
      global.push_back({t, 1, 0, 1});
  }
  // Tokens that lie multiples of the dilation apart are a sequence of their own.
  for (int64_t residue = 0; residue < std::min(dilation, length); ++residue) {
    const int64_t n = (length - residue + dilation - 1) / dilation, first = size_of(p.ranges);
    p.ranges.insert(p.ranges.end(), global.begin(), global.end());
    p.ranges.push_back({begin + residue, dilation, 0, n, before, after, true});
    for (int64_t at = 0; at < n; at += kQueries)
      p.blocks.push_back({begin + residue + at * dilation, dilation, std::min(kQueries, n - at), at, first,
                          size_of(global) + 1});
  }
}

void add_blocks(SparsePattern& p, int64_t begin, int64_t length, int64_t padded, int64_t size,
                const DrawnBlocks& drawn) {
  const int64_t blocks = (padded + size - 1) / size;
  const auto keys = [&](int64_t from, int64_t to) {  // of blocks [from, to), without padding
    const int64_t end = std::min(to * size, length);
    if (from * size < end) p.ranges.push_back({begin, 1, from * size, end});
  };
  for (int64_t b = 0; b < blocks && b * size < length; ++b) {
    const int64_t count = std::min(size, length - b * size);
    for (size_t h = 0; h < drawn.size(); ++h) {
      const int64_t first = size_of(p.ranges);
      if (b == 0 || b == blocks - 1) {
        if (h > 0) break;
        keys(0, blocks);
      } else {
        const int64_t from = std::max<int64_t>(b - 1, 1), to = std::min(b + 2, blocks - 1);
        keys(0, 1), keys(from, to), keys(blocks - 1, blocks);
        for (const int32_t r : drawn[h][static_cast<size_t>(b - 1)]) keys(r, r + 1);
      }
      const bool one = drawn.size() == 1 || b == 0 || b == blocks - 1;
      p.blocks.push_back({begin + b * size, 1, count, b * size, first, size_of(p.ranges) - first,
                          one ? -1 : static_cast<int64_t>(h)});
    }
  }
}

}  // namespace ridge
