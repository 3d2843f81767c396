// Arguments of the softcap kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct SoftcapArgs {
  View x, y;  // f32 [rows, n], unit stride in the last dimension
  float cap;
};

struct SoftcapGradArgs {
  View y, dy, dx;  // f32 [rows, n]; y is what softcap gave
  float cap;
};

}  // namespace ridge
