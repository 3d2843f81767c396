// State space duality (Dao and Gu 2024): Mamba-2's scan, whose decay is one number a head and token, so that
// it is a masked product of matrices as well.
//   delta[t, h] = clamp(softplus(dt[t, h] + dt_bias[h])),  a[h] = -exp(a_log[h])
//   S[t, h]     = exp(delta a) S[t-1, h] + delta b[t, g] x[t, h]^T        [n, p], g the group of head h
//   y[t, h]     = S[t, h]^T c[t, g] + d[h] x[t, h]
#pragma once
#include <limits>
#include <span>

#include "context/context.h"
#include "ops/sequence.h"

namespace ridge {

struct SsdWeights {
  Tensor a_log;    // f32 [heads]
  Tensor dt_bias;  // f32 [heads], or none
  Tensor d;        // f32 [heads], or none
  float dt_min = 0, dt_max = std::numeric_limits<float>::infinity();
};

// x f32 [tokens, heads, p], dt f32 [tokens, heads], b, c f32 [tokens, groups, n] with heads a multiple of
// groups; the tokens of all may be strided. `spans` cover the tokens, end to end. `state` f32 [slots, heads,
// n, p] is S before the first token of each sequence and, on return, after its last; empty: zeros, and
// nothing is remembered. Returns y f32 [tokens, heads, p]. Not differentiable.
Tensor ssd(Context& cx, const Tensor& x, const Tensor& dt, const SsdWeights& weights, const Tensor& b,
           const Tensor& c, std::span<const SequenceSpan> spans, const Tensor& state);

}  // namespace ridge
