// The GPU's selective scan as a function of the host, apart from the op.
#pragma once
#include "device/gpu.h"
#include "ops/sequence.h"

namespace ridge {

struct ScanParams {
  const float *x, *dt, *a_log, *dt_bias, *d, *b, *c, *z;  // dt_bias, d, z may be null
  float *y, *state;                                       // state may be null
  int64_t channels, n, x_stride, dt_stride, b_stride, c_stride, z_stride, y_stride;
  const SequenceSpan* spans;  // device memory
  int64_t span_count;
};

// False where there are more than 64 states.
bool launch_selective_scan(const ScanParams& p, gpuStream_t stream);

}  // namespace ridge
