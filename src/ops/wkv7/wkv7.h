// The generalised delta rule of RWKV-7 (Peng et al. 2025, eq. 16 and 17): a token first takes away, at its
// own rate, what the state holds for its removal key, then adds its own pair.
//   S <- diag(e^decay[t]) S - (kappa[t] * rate[t]) (kappa[t]^T S) + k[t] v[t]^T;   o[t] = S^T r[t]
#pragma once
#include <span>

#include "context/context.h"
#include "ops/sequence.h"

namespace ridge {

// r, decay (logarithms, at most 0), k, kappa (removal keys of unit length), rate (in [0, 1]) f32 [tokens,
// heads, dk], v f32 [tokens, heads, dv]; heads are dense, tokens may be strided. `spans` cover the tokens end
// to end. `state` f32 [slots, heads, dk, dv] is read and written in place; empty: sequences begin at zero and
// nothing is remembered. Returns o f32 [tokens, heads, dv]. Not differentiable.
Tensor wkv7(Context& cx, const Tensor& r, const Tensor& decay, const Tensor& k, const Tensor& v,
            const Tensor& kappa, const Tensor& rate, std::span<const SequenceSpan> spans,
            const Tensor& state);

}  // namespace ridge
