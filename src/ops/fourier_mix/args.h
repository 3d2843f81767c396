// Arguments of the fourier_mix kernels.
#pragma once
#include "context/kernel.h"
#include "ops/sequence.h"

namespace ridge {

// How a transform of length n is taken apart: its factors, and exp(-2 pi i k / n) for k < n.
struct FftPlan {
  int64_t n;
  int factor_count;
  int32_t factors[64];
  const float *cos, *sin;  // [n]
};

struct FourierMixArgs {
  View x, y;                  // f32 [tokens, h], contiguous
  const SequenceSpan* spans;  // texts
  int64_t span_count;
  const FftPlan* lengths;  // one a span
  const FftPlan* width;    // of h
};

}  // namespace ridge
