// Arguments of the dplr_scan kernels.
#pragma once
#include "ops/dplr.h"

namespace ridge {

struct DplrScanArgs {
  DplrView system;
  View u, y;          // f32 [sequences, length, channels], contiguous
  const float* skip;  // [channels]
  float* state;       // [sequences, channels, n, 2], or null
};

}  // namespace ridge
