// y[i] = sum over rows of x[row, i]: the gradient of a bias.
#pragma once
#include "context/context.h"

namespace ridge {

// x f32 [.., n]; returns f32 [n].
Tensor sum_rows(Context& cx, const Tensor& x);

}  // namespace ridge
