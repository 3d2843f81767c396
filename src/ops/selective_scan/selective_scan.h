// The selective scan of Mamba (Gu and Dao 2023, section 3): a diagonal state space model whose step, input
// and output depend on the token.
//   delta[t, c] = softplus(dt[t, c] + dt_bias[c]),  a[c, n] = -exp(a_log[c, n])
//   h[t, c, n]  = exp(delta a) h[t-1, c, n] + delta x[t, c] b[t, n]
//   y[t, c]     = (sum_n c[t, n] h[t, c, n] + d[c] x[t, c]) silu(z[t, c])
#pragma once
#include <span>

#include "context/context.h"
#include "ops/sequence.h"

namespace ridge {

struct SelectiveScanWeights {
  Tensor a_log;    // f32 [channels, n]
  Tensor dt_bias;  // f32 [channels], or none
  Tensor d;        // f32 [channels], or none
};

// x, dt f32 [tokens, channels], b, c f32 [tokens, n], z f32 [tokens, channels] or none (no gate); rows of all
// may be strided. `spans` cover the rows, end to end. `state` f32 [slots, n, channels] is h before the first
// row of each sequence and, on return, after its last; empty: zeros, and nothing is remembered.
// Returns y f32 [tokens, channels]. Differentiable in all but the state, where there is none.
Tensor selective_scan(Context& cx, const Tensor& x, const Tensor& dt, const SelectiveScanWeights& weights,
                      const Tensor& b, const Tensor& c, const Tensor& z, std::span<const SequenceSpan> spans,
                      const Tensor& state);

}  // namespace ridge
