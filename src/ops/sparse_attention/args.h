// Arguments of the sparse_attention kernels.
#pragma once
#include "context/kernel.h"
#include "ops/sparse_attention/pattern.h"

namespace ridge {

struct SparseAttentionArgs {
  View q, k, v, y;  // f32 [tokens, heads, d], unit stride in d; y contiguous
  const SparseBlock* blocks;
  int64_t block_count;
  const SparseRange* ranges;
  const uint8_t* marked;  // [tokens] or null
  float scale;
};

// The keys [first, end) of a range that query number i sees.
RIDGE_ALWAYS void visible_keys(const SparseRange& r, int64_t i, int64_t* first, int64_t* end) {
  *first = r.begin, *end = r.end;
  if (r.before < 0) return;
  if (*first < i - r.before) *first = i - r.before;
  if (*end > i + r.after + 1) *end = i + r.after + 1;
  if (*end < *first) *end = *first;
}

}  // namespace ridge
