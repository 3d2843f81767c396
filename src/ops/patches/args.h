// Arguments of the patches kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct PatchesArgs {
  View x;          // f32 [images, channels, height, width], contiguous
  View y;          // f32 [images * gh * gw, channels * ph * pw], contiguous
  int64_t gh, gw;  // patches down and across
  int64_t ph, pw;
};

}  // namespace ridge
