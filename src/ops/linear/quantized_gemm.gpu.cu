// y = x W^T + bias for many rows of x (prompts), W in blocks: tiles of 128 rows of W and 128 of x on the
// tensor cores.
//   x f32 [m, k], W [n, k] in blocks (blocks.cuh) or bf16, y f32 [m, n].
//
// W is decoded once a tile into shared memory as bf16, x rounded to bf16; sums in f32. The next piece of 64 k
// is decoded while this one is multiplied (two buffers, one barrier a piece). Within each four consecutive k
// both operands lie in the order 0 2 1 3, in which the bytes of a word of codes fall apart.
#include <cstring>

#include "context/kernel.h"
#include "ops/linear/args.h"
#include "ops/linear/blocks.cuh"
#include "ops/linear/gemv.h"
#include "tensor/format.h"

namespace ridge {
namespace {

using namespace blocks;
constexpr int kN = 128, kM = 128, kK = 64, kPitch = kK + 8, kThreads = 256;
constexpr int kShared = 2 * (kN + kM) * kPitch * 2;

struct Bf16 {
  static constexpr int kBlock = 32, kBytes = 64, kAlign = 8, kSub = 32;
  static constexpr bool kLeast = false;
  RIDGE_BLOCKS static void codes(const uint8_t* p, int group, int t, uint32_t (&w)[4]) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const auto v = *reinterpret_cast<const uint2*>(p + 64 * group + 32 * i + 8 * t);
      w[2 * i] = __byte_perm(v.x, v.y, 0x5410);
      w[2 * i + 1] = __byte_perm(v.x, v.y, 0x7632);
    }
  }
  RIDGE_BLOCKS static float scale(const uint8_t*, int, int) { return 1; }
  RIDGE_BLOCKS static float least(const uint8_t*, int) { return 0; }
};

// One group of 32 of a row of W to 64 bytes of shared memory.
template <typename F>
__device__ __forceinline__ void decode_group(const uint8_t* row, int64_t k, uint16_t* to) {
  const uint8_t* const p = row + k / F::kBlock * F::kBytes;
  const int group = static_cast<int>(k % F::kBlock) / 32;
  const float first = F::scale(p, group, 0), second = F::kSub == 16 ? F::scale(p, group, 1) : first;
  const float least = F::kLeast ? F::least(p, group) : 0;
  uint32_t w[4][4];
#pragma unroll
  for (int t = 0; t < 4; ++t) F::codes(p, group, t, w[t]);
#pragma unroll
  for (int t = 0; t < 4; ++t)
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const float scale = j < 2 ? first : second;
      w[t][j] = pack(__uint_as_float(w[t][j] << 16) * scale - least,
                     __uint_as_float(w[t][j] & 0xFFFF0000) * scale - least);
    }
#pragma unroll
  for (int i = 0; i < 2; ++i)
#pragma unroll
    for (int t = 0; t < 4; t += 2)
      *reinterpret_cast<uint4*>(to + 16 * i + 4 * t) = {w[t][2 * i], w[t][2 * i + 1], w[t + 1][2 * i],
                                                        w[t + 1][2 * i + 1]};
}

__device__ __forceinline__ void load_tiles(uint32_t (&r)[4], const uint16_t* from) {
  const auto at = static_cast<uint32_t>(__cvta_generic_to_shared(from));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(at)
               : "memory");
}

template <typename F>
__global__ void __launch_bounds__(kThreads, 2) gemm_kernel(GemvParams p) {
  extern __shared__ __align__(128) uint16_t tiles[];
  const int thread = threadIdx.x, warp = thread / 32, lane = thread % 32;
  const int64_t m0 = static_cast<int64_t>(blockIdx.x) * kM, n0 = static_cast<int64_t>(blockIdx.y) * kN;
  const int wn = warp / 2 * 32, wm = warp % 2 * 64;
  float acc[2][8][4] = {};
  // Two threads a row of W, a group of 32 each; x by half rows: 16 threads take the 64 k of a row.
  const int64_t wrow = n0 + thread / 2 < p.n ? n0 + thread / 2 : p.n - 1;
  const uint8_t* const w = static_cast<const uint8_t*>(p.w) + wrow * p.row_bytes;
  const auto fill_w = [&](int64_t k0, uint16_t* to) {
    decode_group<F>(w, k0 + thread % 2 * 32, to + thread / 2 * kPitch + thread % 2 * 32);
  };
  // Half of the rows at a time: registers are short.
  float4 x[4];
  const auto load_x = [&](int64_t k0, int half) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int64_t m = m0 + 64 * half + thread / 16 + 16 * i;
      x[i] = m < p.m ? *reinterpret_cast<const float4*>(p.x + m * p.x_stride + k0 + thread % 16 * 4)
                     : make_float4(0, 0, 0, 0);
    }
  };
  const auto fill_x = [&](uint16_t* to, int half) {
#pragma unroll
    for (int i = 0; i < 4; ++i)
      *reinterpret_cast<uint2*>(to + (64 * half + thread / 16 + 16 * i) * kPitch + thread % 16 * 4) = {
          pack(x[i].x, x[i].z), pack(x[i].y, x[i].w)};
  };
  constexpr int kBuffer = (kN + kM) * kPitch;
  fill_w(0, tiles);
  for (int half = 0; half < 2; ++half) load_x(0, half), fill_x(tiles + kN * kPitch, half);
  __syncthreads();
  int at = 0;
  for (int64_t k0 = 0; k0 < p.k; k0 += kK, at ^= 1) {
    const bool more = k0 + kK < p.k;
    uint16_t* const next = tiles + (at ^ 1) * kBuffer;
    if (more) load_x(k0 + kK, 0);
    const uint16_t* const ws = tiles + at * kBuffer;
    const uint16_t* const xs = ws + kN * kPitch;
#pragma unroll
    for (int k = 0; k < kK; k += 16) {
      uint32_t a[2][4];
#pragma unroll
      for (int i = 0; i < 2; ++i)
        load_tiles(a[i], ws + (wn + 16 * i + lane % 16) * kPitch + k + lane / 16 * 8);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        uint32_t b[4];
        load_tiles(b, xs + (wm + 16 * j + lane / 16 * 8 + lane % 8) * kPitch + k + lane / 8 % 2 * 8);
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          product(acc[i][2 * j], a[i][0], a[i][1], a[i][2], a[i][3], b[0], b[1]);
          product(acc[i][2 * j + 1], a[i][0], a[i][1], a[i][2], a[i][3], b[2], b[3]);
        }
      }
      if (k == 16 && more) fill_x(next + kN * kPitch, 0), load_x(k0 + kK, 1);
    }
    if (more) {
      fill_x(next + kN * kPitch, 1);
      fill_w(k0 + kK, next);
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 2; ++i)
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const int64_t n = n0 + wn + 16 * i + lane / 4 + e / 2 * 8;
      if (n >= p.n) continue;
      const float bias = p.bias ? p.bias[n] : 0;
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        const int64_t m = m0 + wm + 8 * j + lane % 4 * 2 + e % 2;
        if (m < p.m) p.y[m * p.y_stride + n] = acc[i][j][e] + bias;
      }
    }
}

template <typename F>
void launch_format(const GemvParams& p, gpuStream_t stream) {
  gpuFuncSetAttribute(reinterpret_cast<const void*>(gemm_kernel<F>),
                      gpuFuncAttributeMaxDynamicSharedMemorySize, kShared);
  const dim3 grid(static_cast<uint32_t>((p.m + kM - 1) / kM), static_cast<uint32_t>((p.n + kN - 1) / kN));
  gemm_kernel<F><<<grid, kThreads, kShared, stream>>>(p);
}

struct Entry {
  const char* format;
  void (*launch)(const GemvParams&, gpuStream_t);
  int block, bytes;
};
const Entry kFormats[] = {
    {"bf16", launch_format<Bf16>, 1, 2},         {"q4_0", launch_format<Q4_0>, 32, 18},
    {"q8_0", launch_format<Q8_0>, 32, 34},       {"q4_k", launch_format<Q4_K>, 256, 144},
    {"q5_k", launch_format<Q5_K>, 256, 176},     {"q6_k", launch_format<Q6_K>, 256, 210},
    {"iq4_xs", launch_format<IQ4_XS>, 256, 136}, {"mxfp4", launch_format<MXFP4>, 32, 17},
};
const Entry* entry_of(const char* format) {
  for (const Entry& e : kFormats)
    if (!std::strcmp(e.format, format)) return &e;
  return nullptr;
}

}  // namespace

bool launch_quantized_gemm(const char* format, GemvParams p, gpuStream_t stream) {
  const Entry* const e = entry_of(format);
  if (!e || p.k % kK || p.k % e->block || p.k == 0) return false;
  if (!p.row_bytes) p.row_bytes = p.k / e->block * e->bytes;
  e->launch(p, stream);
  return true;
}

namespace {

const char* accepts(const void* q) {
  const auto& a = *static_cast<const LinearArgs*>(q);
  if (!a.w.format || !entry_of(a.w.format->name)) return "weights in a format that this kernel does not read";
  if (a.x.dim[1] == 0 || a.x.dim[1] % kK) return "rows are not a multiple of 64";
  if (a.w.dim[0] > 65535 * int64_t{kN} || a.x.dim[0] >= int64_t{1} << 31) return "too many rows";
  if (a.x.stride[0] % 4 || a.x.stride[1] != 1 || a.y.stride[1] != 1)
    return "rows are not aligned to 16 bytes";
  if (a.w.format->kind == FormatKind::real && a.w.stride[0] % 8) return "rows of weights are not aligned";
  if (reinterpret_cast<uintptr_t>(a.w.data) % 16 || reinterpret_cast<uintptr_t>(a.x.data) % 16)
    return "memory is not aligned to 16 bytes";
  return nullptr;
}
void run(const void* q, const Exec& exec) {
  const auto& a = *static_cast<const LinearArgs*>(q);
  GemvParams p{};
  p.x = static_cast<const float*>(a.x.data);
  p.w = a.w.data;
  p.bias = static_cast<const float*>(a.bias.data);
  p.y = static_cast<float*>(a.y.data);
  p.m = static_cast<int>(a.x.dim[0]);
  p.n = a.w.dim[0];
  p.k = a.x.dim[1];
  p.x_stride = a.x.stride[0];
  p.y_stride = a.y.stride[0];
  p.row_bytes = a.w.stride[0] / a.w.format->block * a.w.format->bytes;
  if (p.m && p.n) launch_quantized_gemm(a.w.format->name, p, static_cast<gpuStream_t>(exec.stream));
}

}  // namespace
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"linear",
                                 "quantized_gemm.gpu",
                                 DeviceKind::gpu,
                                 GpuFeature::cuda | GpuFeature::sm80,
                                 50,
                                 Rounding::bf16_activation,
                                 accepts,
                                 nullptr,
                                 run,
                                 nullptr,
                                 "matrix products on the tensor cores, blocks decoded into shared memory"};
}  // namespace tables
}  // namespace ridge
