// Arguments of the l2_norm kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct L2NormArgs {
  View x;  // f32 [tokens, heads, n], unit stride in the last dimension
  View y;  // the same, contiguous
  float eps, scale;
  bool eps_inside;
};

}  // namespace ridge
