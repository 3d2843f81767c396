// Softmax over rows: y = e^(x - max) / sum, maximum and sum in one pass (Milakov and Gimelshein 2018,
// algorithm 3).
//   x, y f32 [rows, n]; a row that is -inf throughout gives zeros.
//
// Each row is read once: a block keeps it in registers as it comes in (up to 16 numbers a thread, 1024
// threads). Longer rows are kept in the shared memory of a block, and what is longer still is read twice, the
// second time from the far end, which the L2 cache still holds.
#include <cmath>

#include "context/kernel.h"
#include "device/gpu.h"
#include "ops/softmax/args.h"
#include "ops/softmax/online_gpu.cuh"

namespace ridge {
namespace {

using namespace online;

// kVectors float4 a thread; kThreads a row, kLines rows a block (warps of their own where kThreads is a
// warp).
template <int kThreads, int kLines, int kVectors>
__global__ void __launch_bounds__(kThreads* kLines) rows_kernel(SoftmaxRows p) {
  __shared__ MaxSum shared[32];
  const int lane = threadIdx.x % kThreads;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kLines + threadIdx.x / kThreads;
  if (row >= p.rows) return;  // whole warps: a block of several rows does not meet below
  const float* const x = p.x + row * p.x_stride;
  float* const y = p.y + row * p.y_stride;
  float4 v[kVectors];
#pragma unroll
  for (int i = 0; i < kVectors; ++i) v[i] = load4(x, (int64_t{i} * kThreads + lane) * 4, p.n);
  MaxSum s{-INFINITY, 0};
#pragma unroll
  for (int i = 0; i < kVectors; ++i)
    s.most = fmaxf(s.most, fmaxf(fmaxf(v[i].x, v[i].y), fmaxf(v[i].z, v[i].w)));
  const float own_most = s.most, own = own_most == -INFINITY ? 0 : own_most;
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    v[i].x = __expf(v[i].x - own), v[i].y = __expf(v[i].y - own);
    v[i].z = __expf(v[i].z - own), v[i].w = __expf(v[i].w - own);
    s.sum += (v[i].x + v[i].y) + (v[i].z + v[i].w);
  }
  s = join_warp(s);
  if constexpr (kThreads > 32) s = join_block(s, shared);
  // A thread that saw only -inf has zeros, which a factor past the range would turn to NaN.
  const float scale = s.sum == 0 ? 0 : own_most == -INFINITY ? 1 / s.sum : __expf(own - s.most) / s.sum;
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    v[i].x *= scale, v[i].y *= scale, v[i].z *= scale, v[i].w *= scale;
    store4(y, (int64_t{i} * kThreads + lane) * 4, p.n, v[i]);
  }
}

// One block a row, kept in shared memory where it fits.
template <bool kKept>
__global__ void __launch_bounds__(1024) long_kernel(SoftmaxRows p) {
  extern __shared__ float4 kept[];
  __shared__ MaxSum shared[32];
  const int64_t row = blockIdx.x, vectors = (p.n + 3) / 4;
  const float* const x = p.x + row * p.x_stride;
  float* const y = p.y + row * p.y_stride;
  MaxSum s{-INFINITY, 0};
  constexpr int kAhead = 4;
  for (int64_t i = threadIdx.x; i < vectors; i += 1024 * kAhead) {
    float4 v[kAhead];
#pragma unroll
    for (int j = 0; j < kAhead; ++j) v[j] = load4(x, (i + 1024 * j) * 4, p.n);
    float most = s.most;
#pragma unroll
    for (int j = 0; j < kAhead; ++j) {
      most = fmaxf(most, fmaxf(fmaxf(v[j].x, v[j].y), fmaxf(v[j].z, v[j].w)));
      if (kKept && i + 1024 * j < vectors) kept[i + 1024 * j] = v[j];
    }
    if (most == -INFINITY) continue;
    float sum = s.sum * __expf(s.most - most);
#pragma unroll
    for (int j = 0; j < kAhead; ++j)
      sum +=
          (__expf(v[j].x - most) + __expf(v[j].y - most)) + (__expf(v[j].z - most) + __expf(v[j].w - most));
    s = {most, sum};
  }
  s = join_block(join_warp(s), shared);
  const float most = s.most == -INFINITY ? 0 : s.most, scale = s.sum == 0 ? 0 : 1 / s.sum;
  // From the far end on: those came last.
  const int64_t last = (vectors - 1) / 1024;
  int64_t j = last;
  for (; j >= 0; j -= kAhead) {
    float4 v[kAhead];
#pragma unroll
    for (int u = 0; u < kAhead; ++u) {
      const int64_t i = (j - u) * 1024 + threadIdx.x;
      if (j - u >= 0 && i < vectors) v[u] = kKept ? kept[i] : load4(x, 4 * i, p.n);
    }
#pragma unroll
    for (int u = 0; u < kAhead; ++u) {
      const int64_t i = (j - u) * 1024 + threadIdx.x;
      if (j - u < 0 || i >= vectors) continue;
      const float4 e = {__expf(v[u].x - most) * scale, __expf(v[u].y - most) * scale,
                        __expf(v[u].z - most) * scale, __expf(v[u].w - most) * scale};
      store4(y, 4 * i, p.n, e);
    }
  }
}

template <int kThreads, int kLines, int kVectors>
void launch_rows(const SoftmaxRows& p, gpuStream_t stream) {
  rows_kernel<kThreads, kLines, kVectors>
      <<<static_cast<uint32_t>((p.rows + kLines - 1) / kLines), kThreads * kLines, 0, stream>>>(p);
}

}  // namespace

void launch_online_softmax(const SoftmaxRows& p, gpuStream_t stream) {
  if (!p.rows || !p.n) return;
  if (p.n <= 128) return launch_rows<32, 4, 1>(p, stream);
  if (p.n <= 512) return launch_rows<32, 4, 4>(p, stream);
  if (p.n <= 1024) return launch_rows<32, 4, 8>(p, stream);
  if (p.n <= 4096) return launch_rows<256, 1, 4>(p, stream);
  if (p.n <= 8192) return launch_rows<512, 1, 4>(p, stream);
  if (p.n <= 16384) return launch_rows<1024, 1, 4>(p, stream);
  if (p.n <= 32768) return launch_rows<1024, 1, 8>(p, stream);
  constexpr int kMost = 208 * 1024;
  const int64_t bytes = (p.n + 3) / 4 * 16;
  const auto rows = static_cast<uint32_t>(p.rows);
  if (bytes <= kMost && gpuFuncSetAttribute(reinterpret_cast<const void*>(long_kernel<true>),
                                            gpuFuncAttributeMaxDynamicSharedMemorySize, kMost) == gpuSuccess)
    long_kernel<true><<<rows, 1024, static_cast<size_t>(bytes), stream>>>(p);
  else
    long_kernel<false><<<rows, 1024, 0, stream>>>(p);
}

namespace {

const char* accepts(const void* q) {
  const auto& a = *static_cast<const SoftmaxArgs*>(q);
  if (a.x.dim[0] >= int64_t{1} << 31) return "too many rows";
  return nullptr;
}
void run(const void* q, const Exec& exec) {
  const auto& a = *static_cast<const SoftmaxArgs*>(q);
  launch_online_softmax({static_cast<const float*>(a.x.data), static_cast<float*>(a.y.data), a.y.dim[0],
                         a.y.dim[1], a.x.stride[0], a.y.stride[0]},
                        static_cast<gpuStream_t>(exec.stream));
}

}  // namespace
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"softmax",
                                 "online.gpu",
                                 DeviceKind::gpu,
                                 GpuFeature::cuda | GpuFeature::sm80,
                                 50,
                                 Rounding::f32,
                                 accepts,
                                 nullptr,
                                 run,
                                 nullptr,
                                 "Milakov and Gimelshein 2018, algorithm 3"};
}  // namespace tables
}  // namespace ridge
