// The attention-like average of RWKV-4 (Peng et al. 2023, eq. 16), channel by channel:
//   y[t] = (sum_{i<t} e^((t-1-i) decay + k[i]) v[i] + e^(first + k[t]) v[t]) / (the same sum without v)
// kept as numerator and denominator over e^largest, the largest exponent so far, so that nothing overflows.
#pragma once
#include <span>

#include "context/context.h"
#include "ops/sequence.h"
#include "ops/wkv4/args.h"

namespace ridge {

// k, v f32 [tokens, n] (rows may be strided); decay (added to the exponent a token, negative) and first f32
// [n]. `spans` cover the rows end to end. `sums` f32 [slots, 2, n] (numerator, denominator; zeros at first)
// and `largest` f32 [slots, n] (kWkv4Least at first) are read and written in place; both empty: sequences
// begin anew and nothing is remembered. Returns f32 [tokens, n]. Not differentiable.
Tensor wkv4(Context& cx, const Tensor& k, const Tensor& v, const Tensor& decay, const Tensor& first,
            std::span<const SequenceSpan> spans, const Tensor& sums, const Tensor& largest);

}  // namespace ridge
