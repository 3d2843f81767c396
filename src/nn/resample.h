// Resampling of a grid of learned positions, by ordinary ops: a product with the interpolation's weights a
// dimension.
#pragma once
#include "context/context.h"

namespace ridge {

// grid f32 [height, width, n]; returns f32 [to_height, to_width, n]. Bicubic convolution with A = -0.75 (Keys
// 1981), sample places at the centres of cells, edges repeated, no antialiasing: what torch's interpolate
// does for mode "bicubic", align_corners false. Not differentiable.
Tensor resample_grid(Context& cx, const Tensor& grid, int64_t to_height, int64_t to_width);

}  // namespace ridge
