// Arguments of the head_bonus kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct HeadBonusArgs {
  View r, k, v, y;  // f32 [tokens, heads, d]; heads are dense
  View u;           // f32 [heads, d], contiguous
};

}  // namespace ridge
