// y = a + (b - a) * weight, elementwise: RWKV's mix of a token and the one before it (Peng et al. 2024, eq.
// 8).
#pragma once
#include "context/context.h"

namespace ridge {

// a, b f32 [rows, n] (rows may be strided), weight f32 [rows, n] or [n]; returns f32 [rows, n]. Not
// differentiable.
Tensor lerp(Context& cx, const Tensor& a, const Tensor& b, const Tensor& weight);

}  // namespace ridge
