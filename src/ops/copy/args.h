// Arguments of the copy kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct CopyArgs {
  View x;  // f32, rank 4, any strides
  View y;  // f32, the same shape, contiguous
};

}  // namespace ridge
