// Arguments of the average_pool kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct AveragePoolArgs {
  View x;  // f32 [images, height, width, channels], contiguous
  View y;  // f32 [images, out_height, out_width, channels], contiguous
};

}  // namespace ridge
