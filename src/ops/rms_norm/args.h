// Arguments of the rms_norm kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct RmsNormArgs {
  View x;       // f32 [rows, n], unit stride in the last dimension
  View weight;  // f32 [n]
  View y;       // f32 [rows, n]
  float eps;
  float offset;  // added to the weight: 1 for Gemma, else 0
};

struct RmsNormGradArgs {
  View x, weight, dy;
  View dx;       // f32 [rows, n]
  View dweight;  // f32 [n]; data null where it is not wanted
  float eps;
  float offset;
};

}  // namespace ridge
