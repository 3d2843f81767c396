// Arguments of the linear kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct DotKernel;

struct LinearArgs {
  View x;                    // f32 [m, k]
  View w;                    // any format [n, k]
  View bias;                 // f32 [n], or absent
  View y;                    // f32 [m, n]
  const DotKernel* dot;      // of w's format on this processor, within the asked exactness; or null
  const DotKernel* dot_f32;  // of f32; or null
  const DotKernel* tiles;    // of w's format, for prompts; or null
  bool generating;           // see Context
};

// c[i, j] = sum over l of a(i, l) * b[l, j]: both gradients of linear are of this form.
struct MatmulArgs {
  View a;  // f32 [rows, inner], any strides
  View b;  // f32 [inner, columns], unit stride in the last dimension
  View c;  // f32 [rows, columns]
};

}  // namespace ridge
