// RMSNorm (Zhang and Sennrich 2019): y = x / sqrt(mean(x^2) + eps) * (offset + weight), over the last
// dimension.
#pragma once
#include "context/context.h"

namespace ridge {

// x f32 [.., n] (rows may be strided), weight f32 [n]; returns f32 of x's shape. Differentiable in x and
// weight. `offset` is 1 for Gemma, whose checkpoints store weight - 1.
Tensor rms_norm(Context& cx, const Tensor& x, const Tensor& weight, float eps, float offset = 0);

}  // namespace ridge
