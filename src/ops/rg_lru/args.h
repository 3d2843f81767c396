// Arguments of the rg_lru kernels.
#pragma once
#include "context/kernel.h"
#include "ops/sequence.h"

namespace ridge {

struct RgLruArgs {
  View x, input, forget, y;  // f32 [tokens, n], unit stride in the last dimension
  View parameter;            // f32 [n]
  const int32_t* positions;  // [tokens]
  View state;                // f32 [slots, n], contiguous, or absent
  const SequenceSpan* spans;
  int64_t span_count;
};

}  // namespace ridge
