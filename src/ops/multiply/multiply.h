// y = a * b, elementwise.
#pragma once
#include "context/context.h"

namespace ridge {

// a f32 [.., n]; b f32 of a's shape, or a row [n] for all rows, or a column [rows, 1] (a of rank 2 or more,
// rows = all dimensions of a but the last). Differentiable in both.
Tensor multiply(Context& cx, const Tensor& a, const Tensor& b);

}  // namespace ridge
