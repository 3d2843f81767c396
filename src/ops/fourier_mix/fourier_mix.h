// Fourier mixing (FNet, Lee-Thorp et al. 2022, section 3.2): of each text the real part of the discrete
// Fourier transform along tokens and width, y = Re(F_n x F_h). It has no weights. Its cost is n h (log n +
// log h) where lengths have small prime factors, and n h (p + q) where p and q are the largest ones.
#pragma once
#include <span>

#include "context/context.h"
#include "ops/sequence.h"

namespace ridge {

// x f32 [tokens, h], contiguous; spans cover the tokens, end to end. Returns f32 [tokens, h]. Differentiable:
// the transform is its own transpose.
Tensor fourier_mix(Context& cx, const Tensor& x, std::span<const SequenceSpan> spans);

}  // namespace ridge
