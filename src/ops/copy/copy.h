// A contiguous copy of a strided tensor.
#pragma once
#include "context/context.h"

namespace ridge {

// x f32 of up to rank 4 with any strides; returns f32 of its shape, contiguous. Differentiable.
Tensor copy(Context& cx, const Tensor& x);

}  // namespace ridge
