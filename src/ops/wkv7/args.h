// Arguments of the wkv7 kernels.
#pragma once
#include "context/kernel.h"
#include "ops/sequence.h"

namespace ridge {

struct Wkv7Args {
  View r, k, decay, kappa, rate;  // f32 [tokens, heads, dk]
  View v, o;                      // f32 [tokens, heads, dv]
  View state;                     // f32 [slots, heads, dk, dv], contiguous, or absent
  const SequenceSpan* spans;
  int64_t span_count;
};

}  // namespace ridge
