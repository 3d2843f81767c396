// Arguments of the rope kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct RopeArgs {
  View x;            // f32 [tokens, heads, d], unit stride in d
  View positions;    // i32 [tokens]
  View frequencies;  // f32 [dims / 2]
  View y;            // f32 [tokens, heads, d], contiguous
  bool interleaved;
  float factor;
  float direction;  // 1 turns forth, -1 back
};

}  // namespace ridge
