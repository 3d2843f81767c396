// Long causal convolutions, a kernel a channel, by the Fourier transform (Gu et al. 2022, section 2.3): O(L
// log L).
//   y[s, t, h] = sum_{j <= t} k[h, j] u[s, t - j, h] + skip[h] u[s, t, h]
#pragma once
#include "context/context.h"

namespace ridge {

// u f32 [sequences, length, channels], contiguous, k f32 [channels, taps], taps >= length (those past the
// length are not used), skip f32 [channels]; returns f32 of u's shape. Not differentiable.
Tensor fft_conv(Context& cx, const Tensor& u, const Tensor& k, const Tensor& skip);

}  // namespace ridge
