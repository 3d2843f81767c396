// Arguments of the kernel that takes the gradient of a slice.
#pragma once
#include "context/kernel.h"

namespace ridge {

// dx seen as [outer, extent, inner], dy as [outer, end - begin, inner], both f32 and contiguous.
struct SliceGradArgs {
  const float* dy;
  float* dx;
  int64_t outer, extent, inner, begin, end;
};

}  // namespace ridge
