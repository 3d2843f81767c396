// Convolution of each channel of an image with a kernel of its own (Howard et al. 2017, section 3.1), the
// channels lying together.
#pragma once
#include "context/context.h"

namespace ridge {

// x f32 [images, height, width, channels], contiguous; w f32 [k * k, channels] (k rows of k taps, as they
// meet the image); bias f32 [channels] or none. Zeros around the image, k / 2 wide (k odd). Returns f32
// [images, ceil(height / stride), ceil(width / stride), channels]. Not differentiable: an Error where x or w
// is watched.
Tensor depthwise_conv2d(Context& cx, const Tensor& x, const Tensor& w, const Tensor& bias, int64_t stride);

}  // namespace ridge
