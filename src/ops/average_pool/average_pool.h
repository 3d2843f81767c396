// Means over areas of images whose channels lie together: adaptive average pooling.
#pragma once
#include "context/context.h"

namespace ridge {

// x f32 [images, height, width, channels], contiguous; returns f32 [images, out_height, out_width, channels].
// Output row i is the mean of the input rows [floor(i height / out_height), ceil((i + 1) height /
// out_height)), and columns alike; 1 x 1 is the mean of an image. Not differentiable: an Error where x is
// watched.
Tensor average_pool(Context& cx, const Tensor& x, int64_t out_height, int64_t out_width);

}  // namespace ridge
