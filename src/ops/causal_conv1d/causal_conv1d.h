// Depthwise causal convolution along time (the short convolution of Mamba, Gu and Dao 2023, figure 3):
//   y[t, c] = act(bias[c] + sum_j weight[c, j] x[t - width + 1 + j, c])
// within each sequence. What comes before a sequence's first row is its state: the last width - 1 inputs.
#pragma once
#include <span>

#include "context/context.h"
#include "ops/sequence.h"

namespace ridge {

// x f32 [tokens, channels] (rows may be strided), weight f32 [channels, width], 1 <= width <= 8, bias f32
// [channels] or none. `spans` cover the rows of x, end to end. `state` f32 [slots, width - 1, channels],
// oldest input first, is read and then holds the last inputs of each sequence; empty: zeros come before, and
// nothing is remembered. `silu`: y = z / (1 + e^-z) of the sum z.
// Differentiable in x, weight and bias where there is no state.
Tensor causal_conv1d(Context& cx, const Tensor& x, const Tensor& weight, const Tensor& bias,
                     std::span<const SequenceSpan> spans, const Tensor& state, bool silu);

}  // namespace ridge
