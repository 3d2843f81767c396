// Arguments of the l2_norm kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct L2NormArgs {
  View x, y;  // f32 [rows, n], unit stride in the last dimension
  float eps, scale;
  bool eps_inside;
};

}  // namespace ridge
