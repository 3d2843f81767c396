// Arguments of the fft_conv kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct FftConvArgs {
  View u, y;  // f32 [sequences, length, channels], contiguous
  View k;     // f32 [channels, taps], contiguous
  View skip;  // f32 [channels]
};

}  // namespace ridge
