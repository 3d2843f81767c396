// cache[rows[t]] = x[t]: new keys and values into a cache.
#pragma once
#include "context/context.h"

namespace ridge {

// x f32 [tokens, heads, d]; cache f32, f16 or bf16 [capacity, heads, d]; both with any strides but unit in d;
// rows i32 [tokens], all different. Converts by rounding to nearest even. A row outside [0, capacity) is an
// Error that names both. Not differentiable: an Error where x is watched.
void scatter_rows(Context& cx, const Tensor& x, const Tensor& cache, const Tensor& rows);

}  // namespace ridge
