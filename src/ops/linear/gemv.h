// The GPU's matrix-vector products as functions of the host, apart from the op.
#pragma once
#include <cstdint>

#include "device/gpu.h"

namespace ridge {

struct GemvParams {
  const float* x;     // [m, k]
  const void* w;      // [n, k] in the format, 16-byte aligned
  const float* bias;  // [n] or null
  float* y;           // [m, n]
  int m;
  int64_t n, k, x_stride, y_stride;
  int64_t row_bytes, w_bytes;  // of w; row_bytes 0: dense. w_bytes is filled in
  const void* scales;          // int4 alone: f16 [n, k / 128]
  const void* zeros;
};

// False where the format or k does not fit. Queues on the stream.
bool launch_gemv(const char* format, GemvParams p, gpuStream_t stream);
// Nibbles along k (element i of a row in bits 4 (i % 8) of word i / 8), groups of 128: scale * (code - zero).
bool launch_gemv_int4(GemvParams p, gpuStream_t stream);

// Many rows: tiles on the tensor cores, x rounded to bf16. k a multiple of 64.
bool launch_quantized_gemm(const char* format, GemvParams p, gpuStream_t stream);

}  // namespace ridge
