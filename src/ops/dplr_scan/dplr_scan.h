// State space models step by step, in constant memory: the exact twin of fft_conv with dplr_kernel's kernel.
//   x <- dA x + db u[t];   y[t] = 2 Re(c x) + skip u[t]
#pragma once
#include "ops/dplr.h"

namespace ridge {

// u f32 [sequences, length, channels], contiguous, skip f32 [channels]. `state` f32 [sequences, channels, n,
// 2] is read and written in place; empty: x begins at zero and is not kept. Returns f32 of u's shape,
// computed in double. Not differentiable.
Tensor dplr_scan(Context& cx, const Tensor& u, const DplrSystem& system, const Tensor& skip,
                 const Tensor& state = {});

}  // namespace ridge
