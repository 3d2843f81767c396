// Arguments of the wkv6 kernels.
#pragma once
#include "context/kernel.h"
#include "ops/sequence.h"

namespace ridge {

struct Wkv6Args {
  View r, k;   // f32 [tokens, heads, dk]
  View v, o;   // f32 [tokens, heads, dv]
  View decay;  // f32 [tokens, heads, dk]; stride 0 between tokens where one row serves all
  View state;  // f32 [slots, heads, dk, dv], contiguous, or absent
  const SequenceSpan* spans;
  int64_t span_count;
};

}  // namespace ridge
