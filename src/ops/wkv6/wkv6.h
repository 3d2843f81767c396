// The recurrence of RWKV-5 and 6 (Peng et al. 2024, eq. 18): what a head remembers is a matrix that decays by
// channel.
//   o[t] = S^T r[t];   S <- diag(e^decay[t]) S + k[t] v[t]^T
#pragma once
#include <span>

#include "context/context.h"
#include "ops/sequence.h"

namespace ridge {

// r, k f32 [tokens, heads, dk], v f32 [tokens, heads, dv], decay f32 [tokens, heads, dk] (logarithms, at most
// 0; data-dependent in RWKV-6) or [1, heads, dk] (the same for all tokens, RWKV-5); heads are dense, tokens
// may be strided. `spans` cover the tokens end to end. `state` f32 [slots, heads, dk, dv] is read and written
// in place; empty: sequences begin at zero and nothing is remembered. Returns o f32 [tokens, heads, dv],
// without what a token adds of itself (head_bonus). Not differentiable.
Tensor wkv6(Context& cx, const Tensor& r, const Tensor& k, const Tensor& v, const Tensor& decay,
            std::span<const SequenceSpan> spans, const Tensor& state);

}  // namespace ridge
