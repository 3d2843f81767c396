// Arguments of the causal_conv1d kernels.
#pragma once
#include "context/kernel.h"
#include "ops/sequence.h"

namespace ridge {

constexpr int kMaxConvWidth = 8;

struct CausalConv1dArgs {
  View x;       // f32 [tokens, channels], unit stride in the last dimension
  View weight;  // f32 [channels, width], contiguous
  View bias;    // f32 [channels], or absent
  View y;       // f32 [tokens, channels], as x
  View state;   // f32 [slots, width - 1, channels], contiguous, or absent
  const SequenceSpan* spans;
  int64_t span_count;
  bool silu;
};

struct CausalConv1dGradArgs {
  CausalConv1dArgs forward;  // y and state are absent
  View dy;                   // f32 [tokens, channels], unit stride in the last dimension
  View dx;                   // f32 [tokens, channels], contiguous
  View dweight, dbias;       // f32, contiguous; data null where not wanted
};

// The state of a span after its rows: the last width - 1 inputs, those it had before included.
RIDGE_ALWAYS void remember_inputs(const CausalConv1dArgs& a, const SequenceSpan& s) {
  const int64_t channels = a.x.dim[1], past = a.weight.dim[1] - 1;
  float* state = static_cast<float*>(a.state.data) + s.slot * past * channels;
  for (int64_t i = 0; i < past; ++i) {
    const int64_t from = s.length + i;  // of (state, rows) laid end to end
    const float* source = from < past
                              ? state + from * channels
                              : static_cast<const float*>(a.x.data) + (s.begin + from - past) * a.x.stride[0];
    for (int64_t c = 0; c < channels; ++c) state[i * channels + c] = source[c];
  }
}

}  // namespace ridge
