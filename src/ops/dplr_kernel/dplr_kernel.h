// The convolution kernel of state space models: y[h, j] = 2 Re(c dA^j db), what the output is j steps after
// an input of 1 (Gu et al. 2022, section 2.3).
#pragma once
#include "ops/dplr.h"

namespace ridge {

// Returns f32 [channels, length], computed in double. Not differentiable.
Tensor dplr_kernel(Context& cx, const DplrSystem& system, int64_t length);

}  // namespace ridge
