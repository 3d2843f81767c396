// Arguments of the ssd kernels.
#pragma once
#include "context/kernel.h"
#include "ops/sequence.h"

namespace ridge {

struct SsdArgs {
  View x;                  // f32 [tokens, heads, p], dense in heads and p
  View dt;                 // f32 [tokens, heads], unit stride in heads
  View a_log, dt_bias, d;  // f32 [heads]; the last two may be absent
  View b, c;               // f32 [tokens, groups, n], dense in groups and n
  View y;                  // f32 [tokens, heads, p], contiguous
  View state;              // f32 [slots, heads, n, p], contiguous, or absent
  const SequenceSpan* spans;
  int64_t span_count;
  float dt_min, dt_max;
};

RIDGE_ALWAYS float* ssd_row(const View& v, int64_t token) {
  return static_cast<float*>(v.data) + token * v.stride[0];
}

}  // namespace ridge
