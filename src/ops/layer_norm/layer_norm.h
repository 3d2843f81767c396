// LayerNorm (Ba et al. 2016, eq. 4): y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias, over the last
// dimension.
#pragma once
#include "context/context.h"

namespace ridge {

// x f32 [.., n] (rows may be strided), weight f32 [n], bias f32 [n] or none; returns f32 of x's shape. Mean
// and variance (divided by n) in two passes. Differentiable in x, weight and bias.
Tensor layer_norm(Context& cx, const Tensor& x, const Tensor& weight, const Tensor& bias, float eps);

}  // namespace ridge
