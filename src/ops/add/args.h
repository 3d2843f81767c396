// Arguments of the add kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct AddArgs {
  View a;       // f32 [rows, n]
  View b;       // f32 [rows, n], or [1, n]: the same row for all
  View y;       // f32 [rows, n]
  float scale;  // of b
};

}  // namespace ridge
