// Group norm (Wu and He 2018) of rows: mean and variance of each of `groups` runs of n / groups columns.
#pragma once
#include "context/context.h"

namespace ridge {

// x f32 [rows, n] (rows may be strided), weight and bias f32 [n]; returns (x - mean) / sqrt(variance + eps) *
// weight + bias, f32 [rows, n], the variance divided by n / groups. Not differentiable.
Tensor group_norm(Context& cx, const Tensor& x, const Tensor& weight, const Tensor& bias, int64_t groups,
                  float eps);

}  // namespace ridge
