// y = a + scale * b, elementwise: residual connections, biases, sums of gradients.
#pragma once
#include "context/context.h"

namespace ridge {

// a f32 [.., n]; b f32 of a's shape, or [n] added to every row. Differentiable in both.
Tensor add(Context& cx, const Tensor& a, const Tensor& b, float scale);
Tensor add(Context& cx, const Tensor& a, const Tensor& b);  // scale 1; fits Tape::Add

}  // namespace ridge
