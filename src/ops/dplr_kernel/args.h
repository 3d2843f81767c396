// Arguments of the dplr_kernel kernels.
#pragma once
#include "ops/dplr.h"

namespace ridge {

struct DplrKernelArgs {
  DplrView system;
  View y;  // f32 [channels, length], contiguous
};

}  // namespace ridge
