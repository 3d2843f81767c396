// Joins the elements of heads: y[t, h] = (a[t, h], b[t, h]).
#pragma once
#include "context/context.h"

namespace ridge {

// a f32 [t, h, da], b f32 [t, h, db] or [t, 1, db] (the same for all heads), with any strides but unit in the
// last dimension; returns f32 [t, h, da + db]. Differentiable in both.
Tensor concat(Context& cx, const Tensor& a, const Tensor& b);

}  // namespace ridge
