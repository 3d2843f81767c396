// Arguments of the decode kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct DecodeArgs {
  View w;  // any format, [rows, n]
  View y;  // f32 [rows, n]
};

}  // namespace ridge
