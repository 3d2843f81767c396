// Arguments of the layer_norm kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct LayerNormArgs {
  View x;       // f32 [rows, n], unit stride in the last dimension
  View weight;  // f32 [n]
  View bias;    // f32 [n], or absent
  View y;       // f32 [rows, n]
  float eps;
};

struct LayerNormGradArgs {
  View x, weight, dy;
  View dx;       // f32 [rows, n]
  View dweight;  // f32 [n]; data null where it is not wanted
  float eps;
};

}  // namespace ridge
