// Arguments of the wkv4 kernels.
#pragma once
#include "context/kernel.h"
#include "ops/sequence.h"

namespace ridge {

struct Wkv4Args {
  View k, v, y;       // f32 [tokens, n], unit stride in the last dimension
  View decay, first;  // f32 [n]
  View sums;          // f32 [slots, 2, n], contiguous, or absent
  View largest;       // f32 [slots, n], contiguous, or absent
  const SequenceSpan* spans;
  int64_t span_count;
};

// What `largest` is before a sequence's first token: no exponent reaches it.
constexpr float kWkv4Least = -1e38f;

}  // namespace ridge
