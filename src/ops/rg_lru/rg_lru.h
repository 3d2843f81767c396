// The real-gated linear recurrent unit (De et al. 2024, Griffin, section 2.4), channel by channel:
//   a[t] = e^(-8 softplus(parameter) sigmoid(forget[t])),
//   h[t] = a[t] h[t - 1] + sqrt(1 - a[t]^2) sigmoid(input[t]) x[t]
// At position 0 nothing is kept and the input is taken whole: h = sigmoid(input) x.
#pragma once
#include <span>

#include "context/context.h"
#include "ops/sequence.h"

namespace ridge {

// x and the gates before their sigmoids f32 [tokens, n] (rows may be strided), parameter f32 [n], positions
// i32 [tokens]. `spans` cover the rows end to end. `state` f32 [slots, n] is read and written in place;
// empty: sequences begin at zero and nothing is remembered. Returns h f32 [tokens, n]. Not differentiable.
Tensor rg_lru(Context& cx, const Tensor& x, const Tensor& input, const Tensor& forget,
              const Tensor& parameter, const Tensor& positions, std::span<const SequenceSpan> spans,
              const Tensor& state);

}  // namespace ridge
