// The patches of images as rows (Dosovitskiy et al. 2021, eq. 1): with them a convolution whose stride is its
// kernel is a `linear`, and its weights can be in any format.
#pragma once
#include "context/context.h"

namespace ridge {

// x f32 [images, channels, height, width], contiguous; returns f32 [images * (height / ph) * (width / pw),
// channels * ph * pw]: patches row by row of the image, the pixels of a patch channel by channel, row by row.
// Pixels right of the last whole patch and below it are left out. Not differentiable: an Error where x is
// watched.
Tensor patches(Context& cx, const Tensor& x, int64_t ph, int64_t pw);

}  // namespace ridge
