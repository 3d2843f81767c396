// y = cap * tanh(x / cap): bounded logits (Bello et al. 2016, section 3.3; Gemma 2).
#pragma once
#include "context/context.h"

namespace ridge {

// x f32 [.., n] with evenly spaced rows, cap > 0. Differentiable.
Tensor softcap(Context& cx, const Tensor& x, float cap);

}  // namespace ridge
