// Maximum and sum of exponentials over the threads of a GPU's block (Milakov and Gimelshein 2018,
// section 3.1).
#pragma once
#include <cmath>
#include <cstdint>

#include "device/gpu.h"

namespace ridge {

struct SoftmaxRows {
  const float* x;
  float* y;
  int64_t rows, n, x_stride, y_stride;
};
void launch_online_softmax(const SoftmaxRows& p, gpuStream_t stream);

namespace online {

struct MaxSum {
  float most, sum;  // sum of e^(x - most)
};

__device__ __forceinline__ MaxSum join(MaxSum a, MaxSum b) {
  const float most = fmaxf(a.most, b.most);
  if (most == -INFINITY) return {most, a.sum + b.sum};
  return {most, a.sum * __expf(a.most - most) + b.sum * __expf(b.most - most)};
}
__device__ __forceinline__ MaxSum join_warp(MaxSum s) {
#pragma unroll
  for (int d = 16; d; d /= 2) s = join(s, {__shfl_xor_sync(~0u, s.most, d), __shfl_xor_sync(~0u, s.sum, d)});
  return s;
}
// `s` is the warp's; all threads of the block call it and get the block's.
__device__ __forceinline__ MaxSum join_block(MaxSum s, MaxSum* shared) {
  const int warps = blockDim.x / 32, lane = threadIdx.x % 32;
  if (lane == 0) shared[threadIdx.x / 32] = s;
  __syncthreads();
  return join_warp(lane < warps ? shared[lane] : MaxSum{-INFINITY, 0});
}

// Four numbers of a row from i on; -inf past its end. The rows of a tensor need not be aligned.
__device__ __forceinline__ float4 load4(const float* x, int64_t i, int64_t n) {
  if (i + 4 <= n && reinterpret_cast<uintptr_t>(x) % 16 == 0)
    return __ldcs(reinterpret_cast<const float4*>(x + i));
  return {i < n ? x[i] : -INFINITY, i + 1 < n ? x[i + 1] : -INFINITY, i + 2 < n ? x[i + 2] : -INFINITY,
          i + 3 < n ? x[i + 3] : -INFINITY};
}
__device__ __forceinline__ void store4(float* y, int64_t i, int64_t n, float4 v) {
  if (i + 4 <= n && reinterpret_cast<uintptr_t>(y) % 16 == 0)
    return __stcs(reinterpret_cast<float4*>(y + i), v);
  if (i < n) y[i] = v.x;
  if (i + 1 < n) y[i + 1] = v.y;
  if (i + 2 < n) y[i + 2] = v.z;
  if (i + 3 < n) y[i + 3] = v.w;
}

}  // namespace online
}  // namespace ridge
