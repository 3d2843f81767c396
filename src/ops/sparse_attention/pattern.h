// Which keys each block of queries sees, for attention that does not look at all of them.
#pragma once
#include <cstdint>
#include <vector>

namespace ridge {

// Keys t in [begin, end), which are tokens key + t * stride. Query number i of the sequence sees those with
// i - before <= t <= i + after, or all of them where `before` is negative.
struct SparseRange {
  int64_t key, stride, begin, end;
  int64_t before = -1, after = 0;
  bool skip_marked = false;  // keys that the call marks are left out
};

// Queries query, query + stride, ... (`count` of them), which are numbers index, index + 1 ... of their
// sequence. They see the keys of `range_count` ranges from `range_begin` on; a key in two ranges counts
// twice. `head` < 0: all heads.
struct SparseBlock {
  int64_t query, stride, count, index;
  int64_t range_begin, range_count;
  int64_t head = -1;
};

struct SparsePattern {
  std::vector<SparseBlock> blocks;
  std::vector<SparseRange> ranges;
  std::vector<uint8_t> marked;  // [key tokens], or empty: none
};

}  // namespace ridge
