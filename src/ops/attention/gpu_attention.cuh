// What the attention kernels of the GPU share: their parameters and the rules that every rung obeys.
//
//   o_i = sum_j softmax_j(bias(cap(scale q_i . k_j))) v_j     over the keys j that query i may see,
//   lse_i = log sum_j exp(bias(cap(scale q_i . k_j)))
//
// The formula and the rules of masks are those of ops/attention/attention.h. Position of query i of a segment
// among its keys: p = i + kv_len - q_len (bottom right: the last query sees the last key). Key j is visible
// where causal: j <= p; window w > 0: |p - j| < w. A query that sees no key gives o = 0 and lse = -inf.
#pragma once
#include <cstdint>

#include "device/gpu.h"
#include "ops/attention/segment.h"

namespace ridge {

enum class GpuReal : int32_t { bf16, f16, f32 };

// Pointers are device memory. Strides are in elements; the innermost stride is 1. Where q, k and v are read
// in 16-byte pieces (every rung from flash2 up), their pointers are 16-byte aligned and strides multiples
// of 8.
struct AttentionGpuParams {
  const void* q = nullptr;  // [q_tokens, heads, d], type `in`
  const void* k = nullptr;  // [kv_tokens, kv_heads, d], type `in`
  const void* v = nullptr;  // [kv_tokens, kv_heads, dv], type `in`
  void* o = nullptr;        // [q_tokens, heads, dv], type `out`
  float* lse = nullptr;     // [heads, q_tokens], natural logarithm; null: not wanted
  GpuReal in = GpuReal::bf16, out = GpuReal::bf16;
  int64_t q_token = 0, q_head = 0;  // strides
  int64_t k_token = 0, k_head = 0;
  int64_t v_token = 0, v_head = 0;
  int64_t o_token = 0, o_head = 0;
  const AttentionSegment* segments = nullptr;  // device memory; queries of no segment are not written
  int32_t segment_count = 0;
  int32_t max_q_len = 0, max_kv_len = 0;  // over the segments
  int32_t q_tokens = 0, kv_tokens = 0;
  int32_t heads = 0, kv_heads = 0;  // heads is a multiple of kv_heads
  int32_t d = 0, dv = 0;
  float scale = 1;
  bool causal = false;
  int32_t window = 0;             // 0: none
  float softcap = 0;              // 0: none; else s -> softcap tanh(s / softcap)
  const float* slopes = nullptr;  // [heads]: slope (j - p) is added (ALiBi)
  const float* relative =
      nullptr;  // [heads, 2 reach + 1]: relative[clamp(j - p, -reach, reach) + reach] is added
  int32_t reach = 0;
};

// The keys [first, end) that the query at position p may see.
struct KeyRange {
  int32_t first, end;
};

__host__ __device__ inline KeyRange visible_keys(bool causal, int32_t window, int32_t kv_len, int32_t p) {
  KeyRange r{0, causal && p + 1 < kv_len ? p + 1 : kv_len};
  if (window > 0) {
    if (p - window + 1 > 0) r.first = p - window + 1;
    if (p + window < r.end) r.end = p + window;
  }
  if (r.end < r.first) r.end = r.first;
  return r;
}

// The union of the ranges of queries at positions p0 .. p1.
__host__ __device__ inline KeyRange visible_keys(bool causal, int32_t window, int32_t kv_len, int32_t p0,
                                                 int32_t p1) {
  KeyRange r{visible_keys(causal, window, kv_len, p0).first, visible_keys(causal, window, kv_len, p1).end};
  if (r.first < 0) r.first = 0;
  if (r.end < r.first) r.end = r.first;
  return r;
}

}  // namespace ridge
