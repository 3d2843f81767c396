// The sparse patterns of published models, for ops/sparse_attention.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ops/sparse_attention/pattern.h"

namespace ridge {

// Longformer's (Beltagy et al. 2020) on tokens [begin, begin + length): query i sees the keys i + n *
// dilation, -before <= n <= after, and, once, all tokens that pattern.marked marks. Adds to `pattern`.
void add_window(SparsePattern& pattern, int64_t begin, int64_t length, int64_t before, int64_t after,
                int64_t dilation);

// BigBird's (Zaheer et al. 2020) on tokens [begin, begin + padded), cut into blocks of `size`, of which the
// first `length` are text: the first and the last block see all and are seen by all, every other sees itself,
// its neighbours and blocks drawn at random: for block b of head h drawn[h][b - 1] (drawn[0] for all heads
// where there is no other). At least five blocks. Adds to `pattern`.
using DrawnBlocks = std::vector<std::vector<std::vector<int32_t>>>;
void add_blocks(SparsePattern& pattern, int64_t begin, int64_t length, int64_t padded, int64_t size,
                const DrawnBlocks& drawn);

}  // namespace ridge
