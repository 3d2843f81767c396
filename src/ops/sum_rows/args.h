// Arguments of the sum_rows kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct SumRowsArgs {
  View x;  // f32 [rows, n]
  View y;  // f32 [n]
};

}  // namespace ridge
