// Arguments of the generalized_mean kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct GeneralizedMeanArgs {
  View x;  // f32 [groups, rows, n], contiguous
  View y;  // f32 [groups, n]
  float power;
};

}  // namespace ridge
