// Arguments of the selective_scan kernels.
#pragma once
#include "context/kernel.h"
#include "ops/sequence.h"

namespace ridge {

struct SelectiveScanArgs {
  View x, dt;       // f32 [tokens, channels], unit stride in the last dimension
  View a_log;       // f32 [channels, n], contiguous
  View dt_bias, d;  // f32 [channels], or absent
  View b, c;        // f32 [tokens, n], unit stride in the last dimension
  View z;           // f32 [tokens, channels], or absent
  View y;           // f32 [tokens, channels]
  View state;       // f32 [slots, n, channels], contiguous, or absent
  const SequenceSpan* spans;
  int64_t span_count;
};

struct SelectiveScanGradArgs {
  SelectiveScanArgs forward;  // y and state are absent
  View dy;                    // f32 [tokens, channels], unit stride in the last dimension
  View dx, ddt;               // f32 [tokens, channels], contiguous
  View da_log;                // f32 [channels, n]
  View ddt_bias, dd;          // f32 [channels]; absent where the weight is
  View db, dc;                // f32 [tokens, n], contiguous
  View dz;                    // f32 [tokens, channels], contiguous, or absent
};

RIDGE_ALWAYS float* scan_row(const View& v, int64_t row) {
  return static_cast<float*>(v.data) + row * v.stride[0];
}

}  // namespace ridge
