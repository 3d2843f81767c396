// Scaled dot-product attention (Vaswani et al. 2017, eq. 1) with what decoder-only models add to it:
//   y = softmax(mask(cap(scale q k^T) + slope (j - i) + relative[j - i])) v
// multi-query and grouped-query heads (Ainslie et al. 2023), causal masks, sliding windows, ALiBi slopes
// (Press et al. 2022), logit soft-capping cap(s) = c tanh(s / c) (Gemma 2), and a learned bias by relative
// position (Shaw et al. 2018; as a scalar a head: Raffel et al. 2020, section 2.1).
#pragma once
#include <span>

#include "context/context.h"
#include "ops/attention/segment.h"

namespace ridge {

struct AttentionOptions {
  float scale = 1;
  bool causal = true;
  int64_t window = 0;  // > 0: query i sees key j only where |i - j| < window
  float softcap = 0;   // > 0: c above
  Tensor slopes;       // f32 [heads]: ALiBi
  // f32 [heads, 2R + 1]: relative[h][clamp(j - i, -R, R) + R] is added to the score of key j at position i.
  Tensor relative;
};

// q f32 [query tokens, heads, d]; k, v [key tokens, kv_heads, d | dv] in f32, f16 or bf16; heads a multiple
// of kv_heads. Returns f32 [query tokens, heads, dv]; queries in no segment, and those that see no key, give
// zeros. Each row of y depends on its own query and the keys it sees only, bit for bit, whatever else is in
// the call. Differentiable in q, k and v where they are f32, and in relative.
Tensor attention(Context& cx, const Tensor& q, const Tensor& k, const Tensor& v,
                 std::span<const AttentionSegment> segments, const AttentionOptions& options);

}  // namespace ridge
