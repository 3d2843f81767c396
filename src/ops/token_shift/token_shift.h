// Token shift (Peng et al. 2023, RWKV, section 3.1): each token is given the row of the token before it.
#pragma once
#include <span>

#include "context/context.h"
#include "ops/sequence.h"

namespace ridge {

// x f32 [tokens, n] (rows may be strided); `spans` cover its rows, end to end. Returns f32 [tokens, n]: y[t]
// = x[t - 1] within each sequence. `state` f32 [slots, n] holds the row before a sequence's first, and then
// its last; empty: zeros come before, and nothing is remembered. Not differentiable.
Tensor token_shift(Context& cx, const Tensor& x, std::span<const SequenceSpan> spans, const Tensor& state);

}  // namespace ridge
