// Rotary position embedding (Su et al. 2021, eq. 34): pairs of a head's elements are turned by an angle that
// grows with the position.
#pragma once
#include "context/context.h"

namespace ridge {

struct RopeOptions {
  bool interleaved = false;  // pairs (2i, 2i+1), as in the paper; else (i, i + dims/2), as GPT-NeoX has them
  float factor = 1;          // multiplies cosine and sine (YaRN's attention factor)
};

// x f32 [tokens, heads, d], tokens and heads at any stride; positions i32 [tokens]; inverse_frequencies f32
// [dims / 2], dims <= d. Returns f32 [tokens, heads, d], contiguous: the first `dims` elements of each head
// turned by the angle float(position) * inverse_frequencies[i] (rounded to f32), the rest copied.
// Differentiable in x (turning back).
Tensor rope(Context& cx, const Tensor& x, const Tensor& positions, const Tensor& inverse_frequencies,
            const RopeOptions& options = {});

}  // namespace ridge
