// Rows scaled to unit length: y = scale * x / |x|, over the last dimension.
#pragma once
#include "context/context.h"

namespace ridge {

struct L2NormOptions {
  float eps = 1e-12f;
  // true: |x| is sqrt(sum x^2 + eps) (gated delta net); false: max(sqrt(sum x^2), eps) (RWKV-7).
  bool eps_inside = false;
  float scale = 1;
};

// x f32 [.., n] with evenly spaced rows, or [tokens, heads, n] with any strides but unit in the last
// dimension; returns f32 of its shape. Not differentiable.
Tensor l2_norm(Context& cx, const Tensor& x, const L2NormOptions& options = {});

}  // namespace ridge
