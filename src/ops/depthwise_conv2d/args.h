// Arguments of the depthwise_conv2d kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct DepthwiseConv2dArgs {
  View x;     // f32 [images, height, width, channels], contiguous
  View w;     // f32 [k * k, channels], contiguous
  View bias;  // f32 [channels]; data null: none
  View y;     // f32 [images, out_height, out_width, channels], contiguous
  int64_t k, stride;
};

}  // namespace ridge
