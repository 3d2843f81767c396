// Arguments of the mix_experts kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct MixExpertsArgs {
  View x;        // f32 [tokens, k, n], contiguous
  View weights;  // f32 [tokens, k], contiguous
  View y;        // f32 [tokens, n]
};

}  // namespace ridge
