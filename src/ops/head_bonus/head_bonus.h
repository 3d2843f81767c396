// What a token adds of itself in RWKV-5 to 7 (Peng et al. 2024, eq. 18; 2025, eq. 21): y = (r . (u * k)) v,
// for each head.
#pragma once
#include "context/context.h"

namespace ridge {

// r, k, v f32 [tokens, heads, d] (tokens may be strided), u f32 [heads, d]; returns f32 [tokens, heads, d].
// Not differentiable.
Tensor head_bonus(Context& cx, const Tensor& r, const Tensor& k, const Tensor& v, const Tensor& u);

}  // namespace ridge
