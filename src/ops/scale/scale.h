// y = factor * x.
#pragma once
#include "context/context.h"

namespace ridge {

// x f32 of any shape. Differentiable.
Tensor scale(Context& cx, const Tensor& x, float factor);

}  // namespace ridge
