// Arguments of the gated_delta_rule kernels.
#pragma once
#include "context/kernel.h"
#include "ops/sequence.h"

namespace ridge {

struct GatedDeltaRuleArgs {
  View q, k;         // f32 [tokens, key_heads, dk]
  View v, o;         // f32 [tokens, heads, dv], heads a multiple of key_heads
  View decay, beta;  // f32 [tokens, heads]
  View state;        // f32 [slots, heads, dk, dv], contiguous, or absent
  const SequenceSpan* spans;
  int64_t span_count;
};

}  // namespace ridge
