// Arguments of the multiply kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct MultiplyArgs {
  View a;  // f32 [rows, n], unit stride in the last dimension
  View b;  // f32 [rows, n]; a stride of 0 repeats: rows (one row for all) or elements (one number a row)
  View y;  // f32 [rows, n]
};

// dy[r] . a[r]: the gradient of a column.
struct DotRowsArgs {
  View a, b;  // f32 [rows, n]
  View y;     // f32 [rows]
};

}  // namespace ridge
