// The gated delta rule (Yang et al. 2025, "Gated Delta Networks", eq. 10): the state decays as a whole, and a
// token corrects what it holds for the token's key.
//   S <- e^decay[t] S;   S <- S + beta[t] k[t] (v[t] - S^T k[t])^T;   o[t] = S^T q[t]
#pragma once
#include <span>

#include "context/context.h"
#include "ops/sequence.h"

namespace ridge {

// q, k f32 [tokens, key_heads, dk], v f32 [tokens, heads, dv], heads a multiple of key_heads (each serves
// that many heads in a row); decay (a logarithm, at most 0) and beta f32 [tokens, heads]; heads are dense,
// tokens may be strided. `spans` cover the tokens end to end. `state` f32 [slots, heads, dk, dv] is read and
// written in place; empty: sequences begin at zero and nothing is remembered. Returns o f32 [tokens, heads,
// dv]. Norms and scale of q and k are the caller's. Not differentiable.
Tensor gated_delta_rule(Context& cx, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& decay,
                        const Tensor& beta, std::span<const SequenceSpan> spans, const Tensor& state);

}  // namespace ridge
