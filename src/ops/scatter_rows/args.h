// Arguments of the scatter_rows kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct ScatterRowsArgs {
  View x;      // f32 [tokens, heads, d], unit stride in d
  View cache;  // f32, f16 or bf16 [capacity, heads, d], unit stride in d
  View rows;   // i32 [tokens]
};

}  // namespace ridge
