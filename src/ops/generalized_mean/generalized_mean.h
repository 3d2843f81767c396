// Generalized mean over rows (Radenovic et al. 2018), shifted so that what is raised to a power is at least
// one: y = mean((x - m + 1)^p)^(1/p) + m - 1 with m = min x, over the rows of each group.
#pragma once
#include "context/context.h"

namespace ridge {

// x f32 [groups, rows, n], contiguous, at least one row; power > 0; returns f32 [groups, n]. Not
// differentiable.
Tensor generalized_mean(Context& cx, const Tensor& x, float power);

}  // namespace ridge
