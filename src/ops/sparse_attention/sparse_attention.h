// Attention over a sparse pattern: sliding windows with dilation and tokens that all see (Longformer, Beltagy
// et al. 2020), blocks (BigBird, Zaheer et al. 2020). Time and memory grow with the keys seen, not with the
// square of the length:
//   y_i = sum_j softmax_j(scale q_i k_j) v_j over the keys j of query i's block that it sees
#pragma once
#include "context/context.h"
#include "ops/sparse_attention/pattern.h"

namespace ridge {

// q, k, v f32 [tokens, heads, d]; returns f32 [tokens, heads, d]. Queries in no block, and those that see no
// key, give zeros. An Error where the pattern names tokens that are not there. The cost counts marked keys
// of windows as seen. Not differentiable.
Tensor sparse_attention(Context& cx, const Tensor& q, const Tensor& k, const Tensor& v,
                        const SparsePattern& pattern, float scale);

}  // namespace ridge
