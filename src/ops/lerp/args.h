// Arguments of the lerp kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct LerpArgs {
  View a, b, y;  // f32 [rows, n], unit stride in the last dimension
  View weight;   // f32 [rows, n]; stride 0 between rows where one row serves all
};

}  // namespace ridge
