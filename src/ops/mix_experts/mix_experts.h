// y[t] = sum over i of weights[t, i] * x[t, i]: the experts' outputs, weighted (Shazeer et al. 2017, eq. 1).
#pragma once
#include "context/context.h"

namespace ridge {

// x f32 [tokens, top_k, n], weights f32 [tokens, top_k], both contiguous; returns f32 [tokens, n], summed in
// the order of the list. Not differentiable: an Error where an input is watched.
Tensor mix_experts(Context& cx, const Tensor& x, const Tensor& weights);

}  // namespace ridge
