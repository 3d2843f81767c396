// Arguments of the concat kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct ConcatArgs {
  View a;  // f32 [t, h, da], unit stride in the last dimension
  View b;  // f32 [t, h, db]; a stride of 0 in h repeats it for all heads
  View y;  // f32 [t, h, da + db], contiguous
};

struct ConcatGradArgs {
  View dy;      // f32 [t, h, da + db], contiguous
  View da, db;  // f32 [t, h, da], [t, h or 1, db], contiguous; data null where it is not wanted
};

}  // namespace ridge
