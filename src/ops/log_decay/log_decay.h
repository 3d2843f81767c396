// The logarithm of a recurrence's decay, out of what a layer computes for each token.
#pragma once
#include "context/context.h"
#include "ops/log_decay/args.h"

namespace ridge {

// y = rate * f(x + bias), f by `decay`; x f32 [rows, n] (rows may be strided), bias and rate f32 [n] or none
// (0 and 1). Negative where the rate is positive. Not differentiable. Sources: Peng et al. 2024, eq. 17
// (exp); Peng et al. 2025, eq. 13 (sigmoid); Yang et al. 2025 (softplus).
Tensor log_decay(Context& cx, const Tensor& x, Decay decay, const Tensor& bias = {}, const Tensor& rate = {});

}  // namespace ridge
