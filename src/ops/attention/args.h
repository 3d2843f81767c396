// Arguments of the attention kernels.
#pragma once
#include "context/kernel.h"
#include "ops/attention/segment.h"

namespace ridge {

struct AttentionArgs {
  View q;         // f32 [query tokens, heads, d]
  View k;         // f32, f16 or bf16 [key tokens, kv_heads, d], any strides but unit in d
  View v;         // as k, [key tokens, kv_heads, dv]
  View y;         // f32 [query tokens, heads, dv]
  View slopes;    // f32 [heads], or absent
  View relative;  // f32 [heads, 2R + 1], contiguous, or absent
  const AttentionSegment* segments;
  int64_t segment_count;
  float scale, softcap;
  int64_t window;  // 0: none
  bool causal;
  bool generating = false;  // see Context
};

struct AttentionGradArgs {
  AttentionArgs forward;  // y is absent
  View dy, dq, dk, dv;    // f32; dk and dv contiguous, set whole
  View drelative;         // f32, as `relative`; absent where that is
};

// The keys [first, end) of segment s that query i of it may see.
RIDGE_ALWAYS void visible_keys(const AttentionArgs& a, const AttentionSegment& s, int64_t i, int64_t* first,
                               int64_t* end) {
  const int64_t position = s.kv_len - s.q_len + i;
  *end = a.causal ? position + 1 : s.kv_len;
  *first = a.window > 0 && position - a.window + 1 > 0 ? position - a.window + 1 : 0;
  if (!a.causal && a.window > 0 && *end > position + a.window) *end = position + a.window;
  if (*end < *first) *end = *first;
}

// Where the bias of a key at distance j - i lies in a head's row of the table.
RIDGE_ALWAYS int64_t relative_column(const AttentionArgs& a, int64_t distance) {
  const int64_t reach = a.relative.dim[1] / 2;
  return reach + (distance < -reach ? -reach : distance > reach ? reach : distance);
}

}  // namespace ridge
