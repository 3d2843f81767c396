// Views that the tape knows: another shape or a part of the same memory. No kernel, no cost; the values are
// those of the tensor that is viewed.
#pragma once
#include "context/context.h"

namespace ridge {

// x with the same elements in another shape, without copying: x contiguous, or strided such that the new
// dimensions only split or join evenly spaced ones ([t, 3 h d] sliced to [t, h d] becomes [t, h, d]). An
// Error where a copy would be needed. Differentiable.
Tensor reshape(Context& cx, const Tensor& x, const Shape& shape);

// Elements [begin, end) of one dimension (negative: from the last). Differentiable where x is f32: the
// gradient is zero outside the slice.
Tensor slice(Context& cx, const Tensor& x, int dim, int64_t begin, int64_t end);

// x with two dimensions swapped. Differentiable.
Tensor transpose(Context& cx, const Tensor& x, int a, int b);

// x itself where it is contiguous, else a contiguous copy (f32, ops/copy). Differentiable.
Tensor contiguous(Context& cx, const Tensor& x);

}  // namespace ridge
