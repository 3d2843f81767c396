// Arguments of the token_shift kernels.
#pragma once
#include "context/kernel.h"
#include "ops/sequence.h"

namespace ridge {

struct TokenShiftArgs {
  View x;      // f32 [tokens, n], unit stride in the last dimension
  View y;      // f32 [tokens, n]
  View state;  // f32 [slots, n], contiguous, or absent
  const SequenceSpan* spans;
  int64_t span_count;
};

}  // namespace ridge
