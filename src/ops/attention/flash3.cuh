// What the FlashAttention-3 kernels share: exponentials, packing and the way out of the accumulators.
#pragma once
#include <algorithm>
#include <type_traits>

#include "device/hopper.cuh"
#include "ops/attention/gpu_attention.cuh"

namespace ridge {
namespace {

constexpr float kLog2e = 1.4426950408889634f;

RIDGE_HOPPER float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// Two values in 16 bits each, the first in the low half.
template <typename T>
RIDGE_HOPPER uint32_t pack(float low, float high) {
  uint32_t r;
  if constexpr (std::is_same_v<T, __half>)
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  else
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
}

// Writes row `token` of a head out of a wgmma accumulator; all four lanes that hold the row call it. 16-bit
// rows are transposed in the four lanes so that each stores 16 bytes.
template <typename T, int kDv>
RIDGE_HOPPER void store_row(const AttentionGpuParams& p, const float (&o)[kDv / 2], int h, int64_t token,
                            int head, bool inside, int lane) {
  const int64_t at = token * p.o_token + head * p.o_head;
  const int t = lane % 4;
  if (p.out == GpuReal::f32) {
    float* to = static_cast<float*>(p.o) + at;
#pragma unroll
    for (int j = 0; j < kDv / 8; ++j) {
      const int column = 8 * j + 2 * t;
      if (inside && column < p.dv)
        *reinterpret_cast<float2*>(to + column) = make_float2(o[4 * j + 2 * h], o[4 * j + 2 * h + 1]);
    }
    return;
  }
  uint16_t* to = static_cast<uint16_t*>(p.o) + at;
#pragma unroll
  for (int g = 0; g < kDv / 32; ++g) {
    uint32_t w[4];
#pragma unroll
    for (int b = 0; b < 4; ++b) {
      const int j = 4 * (4 * g + b) + 2 * h;
      w[b] = p.out == GpuReal::f16 ? pack<__half>(o[j], o[j + 1]) : pack<__nv_bfloat16>(o[j], o[j + 1]);
    }
    const bool odd = t & 1, upper = t & 2;
    const uint32_t r0 = __shfl_xor_sync(~0u, odd ? w[0] : w[1], 1),
                   r1 = __shfl_xor_sync(~0u, odd ? w[2] : w[3], 1);
    const uint32_t x0 = odd ? r0 : w[0], x1 = odd ? w[1] : r0;  // block t % 2, columns of lanes 0, 1 or 2, 3
    const uint32_t y0 = odd ? r1 : w[2], y1 = odd ? w[3] : r1;  // block 2 + t % 2
    const uint32_t z0 = __shfl_xor_sync(~0u, upper ? x0 : y0, 2),
                   z1 = __shfl_xor_sync(~0u, upper ? x1 : y1, 2);
    const uint4 piece = upper ? make_uint4(z0, z1, y0, y1) : make_uint4(x0, x1, z0, z1);
    const int column = 32 * g + 8 * t;
    if (inside && column < p.dv) *reinterpret_cast<uint4*>(to + column) = piece;
  }
}

inline int processor_count() {
  static const int count = [] {
    int device = 0, n = 0;
    cudaGetDevice(&device);
    cudaDeviceGetAttribute(&n, cudaDevAttrMultiProcessorCount, device);
    return n > 0 ? n : 1;
  }();
  return count;
}

}  // namespace
}  // namespace ridge
