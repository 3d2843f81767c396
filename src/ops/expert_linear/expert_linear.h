// The linear layers of a mixture of experts: y[t, i] = x[t, i] W[ids[t, i]]^T + bias[ids[t, i]] (Shazeer et
// al. 2017, eq. 1).
#pragma once
#include "context/context.h"

namespace ridge {

// x f32 [tokens, k] (the same for all experts of a token) or [tokens, top_k, k]; w [experts, n, k] of any
// format; ids i32 [tokens, top_k] in [0, experts); bias f32 [experts, n] or none. Returns f32 [tokens, top_k,
// n], each row bit for bit what linear() gives with that expert's matrix. Not differentiable: an Error where
// an input is watched.
//
// The cost must not depend on the data: it reads round(E (1 - (1 - top_k/E)^tokens)) of the E experts, the
// expected number of different ones where routing is uniform.
Tensor expert_linear(Context& cx, const Tensor& x, const Tensor& w, const Tensor& ids,
                     const Tensor& bias = {});

}  // namespace ridge
