// Arguments of the expert_linear kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct DotKernel;

// A slot is one place of a token's list of experts: slot = token * top_k + i.
struct ExpertLinearArgs {
  View x;                    // f32 [rows, k]; rows = tokens where they are shared, else slots
  View w;                    // any format [experts, n, k]
  View bias;                 // f32 [experts, n], or absent
  View ids;                  // i32 [slots]
  View y;                    // f32 [slots, n], contiguous
  int64_t slots_a_row;       // top_k where rows are shared, else 1
  const DotKernel* dot;      // as in LinearArgs
  const DotKernel* dot_f32;  // of f32; or null
};

}  // namespace ridge
