// Arguments of the scale kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct ScaleArgs {
  View x, y;  // f32 [rows, n]
  float factor;
};

}  // namespace ridge
