// Arguments of the group_norm kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct GroupNormArgs {
  View x, y;          // f32 [rows, n], unit stride in the last dimension
  View weight, bias;  // f32 [n]
  int64_t groups;
  float eps;
};

}  // namespace ridge
