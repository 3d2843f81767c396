// Attention blocks: projections, norms, RoPE, the attention itself, the output projection.
#pragma once
#include "nn/layers.h"
#include "nn/rope.h"
#include "nn/step.h"

namespace ridge {

// Queries, keys, values and output, each with its own weight. q_norm and k_norm are used where they have
// weights: over each head ([d], Qwen 3) or over all heads together ([heads * d], OLMo 2).
struct AttentionBlock {
  Linear q, k, v, o;
  RmsNorm q_norm, k_norm;
  int64_t heads = 0, kv_heads = 0, d = 0;

  // x f32 [tokens, dim]; `rope` may be null.
  Tensor operator()(Context& cx, const Tensor& x, const Step& step, int layer, const Rope* rope,
                    const AttentionOptions& options) const;
};

// The same with one weight whose rows are those of q, then k, then v.
struct FusedAttention {
  Linear qkv, o;
  int64_t heads = 0, kv_heads = 0, d = 0;

  Tensor operator()(Context& cx, const Tensor& x, const Step& step, int layer, const Rope* rope,
                    const AttentionOptions& options) const;
};

}  // namespace ridge
