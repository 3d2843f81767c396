// Arguments of the softmax kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct SoftmaxArgs {
  View x, y;  // f32 [rows, n], unit stride in the last dimension
};

struct SoftmaxGradArgs {
  View y, dy, dx;  // f32 [rows, n]; y is what softmax gave
};

}  // namespace ridge
