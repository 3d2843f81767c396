// Arguments of the kernels of unfold and its gradient.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct UnfoldArgs {
  View x;                                   // f32 [n, length, channels]; in the gradient dx, contiguous
  View y;                                   // f32 [n * o, channels * K], contiguous; in the gradient dy
  int64_t width, stride, padding, windows;  // windows: o
};

}  // namespace ridge
