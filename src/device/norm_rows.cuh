// RMS and layer norm over rows on a GPU: y = (x - mean) / sqrt(mean((x - mean)^2) + eps) * (w + offset) +
// bias, without the mean for RMS norm. A row is read once and kept in registers: one warp a row up to 1024
// numbers, else a block. Longer rows than a block's registers hold are read again.
#pragma once
#include <cstdint>

#include "device/gpu.h"

namespace ridge {
namespace norm_rows {

struct Params {
  const float *x, *weight, *bias;  // bias may be null
  float* y;
  int64_t rows, n, x_stride, y_stride;
  float eps, offset;
};

__device__ __forceinline__ float4 load4(const float* x, int64_t i, int64_t n) {
  if (i + 4 <= n && reinterpret_cast<uintptr_t>(x) % 16 == 0) return *reinterpret_cast<const float4*>(x + i);
  return {i < n ? x[i] : 0, i + 1 < n ? x[i + 1] : 0, i + 2 < n ? x[i + 2] : 0, i + 3 < n ? x[i + 3] : 0};
}
__device__ __forceinline__ void store4(float* y, int64_t i, int64_t n, float4 v) {
  if (i + 4 <= n && reinterpret_cast<uintptr_t>(y) % 16 == 0) {
    *reinterpret_cast<float4*>(y + i) = v;
    return;
  }
  if (i < n) y[i] = v.x;
  if (i + 1 < n) y[i + 1] = v.y;
  if (i + 2 < n) y[i + 2] = v.z;
  if (i + 3 < n) y[i + 3] = v.w;
}
template <int kThreads>
__device__ __forceinline__ float total(float s, float* shared) {
#pragma unroll
  for (int d = 16; d; d /= 2) s += __shfl_xor_sync(~0u, s, d);
  if constexpr (kThreads > 32) {
    const int lane = threadIdx.x % 32;
    __syncthreads();  // what was asked before has been read
    if (lane == 0) shared[threadIdx.x / 32] = s;
    __syncthreads();
    s = lane < kThreads / 32 ? shared[lane] : 0;
#pragma unroll
    for (int d = 16; d; d /= 2) s += __shfl_xor_sync(~0u, s, d);
  }
  return s;
}
__device__ __forceinline__ float squares(float4 v, float mean, int64_t i, int64_t n) {
  const float a = v.x - mean, b = v.y - mean, c = v.z - mean, d = v.w - mean;
  if (i + 4 <= n) return (a * a + b * b) + (c * c + d * d);
  return (i < n ? a * a : 0) + (i + 1 < n ? b * b : 0) + (i + 2 < n ? c * c : 0);
}

template <bool kMean, int kThreads, int kLines, int kVectors>
__global__ void __launch_bounds__(kThreads* kLines) kernel(Params p) {
  __shared__ float shared[32];
  const int lane = threadIdx.x % kThreads;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kLines + threadIdx.x / kThreads;
  if (row >= p.rows) return;  // whole warps: a block of several rows does not meet
  const float* const x = p.x + row * p.x_stride;
  float* const y = p.y + row * p.y_stride;
  const auto place = [&](int i) { return (int64_t{i} * kThreads + lane) * 4; };
  float4 v[kVectors];
#pragma unroll
  for (int i = 0; i < kVectors; ++i) v[i] = load4(x, place(i), p.n);
  const auto beyond = static_cast<int64_t>(kVectors) * kThreads * 4;
  const float count = static_cast<float>(p.n);
  float mean = 0, sum = 0;
  if constexpr (kMean) {
#pragma unroll
    for (int i = 0; i < kVectors; ++i) mean += (v[i].x + v[i].y) + (v[i].z + v[i].w);
    for (int64_t i = beyond + 4 * lane; i < p.n; i += 4 * kThreads) {
      const float4 u = load4(x, i, p.n);
      mean += (u.x + u.y) + (u.z + u.w);
    }
    mean = total<kThreads>(mean, shared) / count;
  }
#pragma unroll
  for (int i = 0; i < kVectors; ++i) sum += squares(v[i], mean, place(i), p.n);
  for (int64_t i = beyond + 4 * lane; i < p.n; i += 4 * kThreads)
    sum += squares(load4(x, i, p.n), mean, i, p.n);
  const float scale = 1 / sqrtf(total<kThreads>(sum, shared) / count + p.eps);
  const auto write = [&](int64_t i, float4 u) {
    const float4 w = load4(p.weight, i, p.n);
    float4 b = {0, 0, 0, 0};
    if (p.bias) b = load4(p.bias, i, p.n);
    store4(y, i, p.n,
           {(u.x - mean) * scale * (w.x + p.offset) + b.x, (u.y - mean) * scale * (w.y + p.offset) + b.y,
            (u.z - mean) * scale * (w.z + p.offset) + b.z, (u.w - mean) * scale * (w.w + p.offset) + b.w});
  };
#pragma unroll
  for (int i = 0; i < kVectors; ++i)
    if (place(i) < p.n) write(place(i), v[i]);
  for (int64_t i = beyond + 4 * lane; i < p.n; i += 4 * kThreads) write(i, load4(x, i, p.n));
}

template <bool kMean, int kThreads, int kLines, int kVectors>
void launch_shape(const Params& p, gpuStream_t stream) {
  kernel<kMean, kThreads, kLines, kVectors>
      <<<static_cast<uint32_t>((p.rows + kLines - 1) / kLines), kThreads * kLines, 0, stream>>>(p);
}
// The fewest threads that hold a row in 4 to 8 vectors each.
template <bool kMean>
void launch(const Params& p, gpuStream_t stream) {
  if (!p.rows || !p.n) return;
  if (p.n <= 128) return launch_shape<kMean, 32, 4, 1>(p, stream);
  if (p.n <= 512) return launch_shape<kMean, 32, 4, 4>(p, stream);
  if (p.n <= 1024) return launch_shape<kMean, 32, 4, 8>(p, stream);
  if (p.n <= 2048) return launch_shape<kMean, 128, 1, 4>(p, stream);
  if (p.n <= 4096) return launch_shape<kMean, 256, 1, 4>(p, stream);
  if (p.n <= 8192) return launch_shape<kMean, 512, 1, 4>(p, stream);
  launch_shape<kMean, 1024, 1, 4>(p, stream);
}

}  // namespace norm_rows
}  // namespace ridge
