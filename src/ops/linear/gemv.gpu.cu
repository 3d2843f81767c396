// y = x W^T + bias for few rows of x (token by token generation): bound by reading W once.
//   x f32 [m, k], W [n, k] in bf16, f16 or blocks (blocks.cuh), y f32 [m, n].
//
// A warp takes 16 or 32 rows of W and every kWarps-th piece of k. Pieces of W and x are copied to shared
// memory kStages deep and asynchronously, in aligned 16-byte units whatever the alignment of the blocks is,
// so that the bytes in flight do not depend on registers. W is the left operand of the tensor cores: m16n8k16
// computes 16 rows of W for up to 8 rows of x. x is split in two bf16 numbers (16 significant bits), codes
// are exact integers in bf16, and scales are applied to the sums of a sub-block in f32: the result is that of
// f32 to about 2^-17 of |x| |w|. The order of k within a product is free as long as both operands agree: a
// lane takes k as W's bytes lie.
#include <cstring>

#include "context/kernel.h"
#include "ops/linear/args.h"
#include "ops/linear/blocks.cuh"
#include "ops/linear/gemv.h"
#include "tensor/format.h"

namespace ridge {
namespace {

using namespace blocks;
constexpr int kWarps = 8;

// How k of a group of 32 falls to lanes: in pairs as they lie, every second, or eight in a row by fours.
enum class Order { pairs, bytes, nibbles };

// 16-bit weights.
template <bool kSplit>
struct Reals {
  static constexpr int kChunk = 128, kPiece = 256, kPitch = 256 + 32;
  static constexpr bool kScaled = false, kTwo = kSplit, kExtra = false;
  static constexpr Order kOrder = Order::pairs;
};
// Blocks of a format.
template <typename F>
struct Block {
  using Format = F;
  static constexpr int kChunk = 256, kPiece = 256 / F::kBlock * F::kBytes;
  static constexpr int kUnits = (kPiece + (F::kAlign >= 16 ? 15 : 30)) / 16;
  static constexpr int kPitch = (kUnits | 1) * 16;  // an odd number of units: rows start in different banks
  static constexpr bool kScaled = true, kExtra = false;
  static constexpr Order kOrder = Order::bytes;
};
// Nibbles along k with an f16 scale and zero for 128 of a row: value = scale * (code - zero).
struct Int4 {
  static constexpr int kChunk = 256, kPiece = 128, kPitch = 144;
  static constexpr bool kScaled = true, kExtra = true;
  static constexpr Order kOrder = Order::nibbles;
};

template <typename W>
constexpr int units() {
  if constexpr (!W::kScaled || W::kExtra)
    return W::kPiece / 16;
  else
    return W::kUnits;
}

template <typename W, int kTiles, int kRows>
struct Plan {
  static constexpr int kXPitch = W::kChunk + 16;  // floats; rows of x start 16 banks apart
  static constexpr int kX = kRows * kXPitch * 4, kW = kTiles * 16 * W::kPitch,
                       kE = W::kExtra ? kTiles * 128 : 0;
  static constexpr int kStage = kX + kW + kE;
  static constexpr int kStages = kStage * kWarps * 4 <= 100 * 1024   ? 4
                                 : kStage * kWarps * 3 <= 113 * 1024 ? 3
                                                                     : 2;
  static constexpr int kShared = kStage * kStages * kWarps;
  static_assert(kShared <= 226 * 1024 && kStage % 16 == 0);
};

__device__ __forceinline__ void copy16(void* to, const void* from, int bytes) {
  const auto at = static_cast<uint32_t>(__cvta_generic_to_shared(to));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(at), "l"(from), "r"(bytes) : "memory");
}
__device__ __forceinline__ void copy4(void* to, const void* from) {
  const auto at = static_cast<uint32_t>(__cvta_generic_to_shared(to));
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(at), "l"(from) : "memory");
}

template <typename W, int kTiles, int kRows>
__device__ __forceinline__ void fetch(const GemvParams& p, int64_t n0, int64_t chunk, uint8_t* stage,
                                      int lane) {
  using S = Plan<W, kTiles, kRows>;
  const int64_t k0 = chunk * W::kChunk;
  const int here = static_cast<int>(p.k - k0 < W::kChunk ? p.k - k0 : W::kChunk);
  auto* xs = reinterpret_cast<float*>(stage);
#pragma unroll
  for (int m = 0; m < kRows; ++m) {
    const bool row = m < p.m;
    for (int i = 4 * lane; i < here; i += 128)
      copy16(xs + m * S::kXPitch + i, p.x + (row ? m : 0) * p.x_stride + k0 + i, row ? 16 : 0);
  }
  uint8_t* const ws = stage + S::kX;
  const auto* const w = static_cast<const uint8_t*>(p.w);
  constexpr int kUnits = units<W>();
  const int64_t bytes = static_cast<int64_t>(W::kPiece) * here / W::kChunk;
#pragma unroll
  for (int i = 0; i < (kTiles * 16 * kUnits + 31) / 32; ++i) {
    const int unit = i * 32 + lane, r = unit / kUnits, u = unit % kUnits;
    if ((kTiles * 16 * kUnits) % 32 != 0 && r >= kTiles * 16) break;
    const int64_t row = n0 + r < p.n ? n0 + r : p.n - 1;
    const int64_t begin = row * p.row_bytes + chunk * W::kPiece, at = (begin & ~int64_t{15}) + 16 * u;
    if (at >= begin + bytes) continue;
    const int64_t left = p.w_bytes - at;
    copy16(ws + r * W::kPitch + 16 * u, w + at, left < 16 ? static_cast<int>(left) : 16);
  }
  if constexpr (W::kExtra) {
    uint8_t* const es = ws + S::kW;
    for (int r = lane; r < kTiles * 16; r += 32) {
      const int64_t row = n0 + r < p.n ? n0 + r : p.n - 1, at = row * (p.k / 128) + 2 * chunk;
      copy4(es + 8 * r, static_cast<const gpu_f16*>(p.scales) + at);
      copy4(es + 8 * r + 4, static_cast<const gpu_f16*>(p.zeros) + at);
    }
  }
}

// x of a group of 32 as right operands: words of two products, high and low parts.
template <Order kOrder>
__device__ __forceinline__ void right(const float* x, int t, bool used, uint32_t (&high)[4],
                                      uint32_t (&low)[4]) {
  float4 u = make_float4(0, 0, 0, 0), v = u;
  if (used) {
    u = *reinterpret_cast<const float4*>(x + (kOrder == Order::nibbles ? 8 * t : 4 * t));
    v = *reinterpret_cast<const float4*>(x + (kOrder == Order::nibbles ? 8 * t + 4 : 16 + 4 * t));
  }
  if constexpr (kOrder == Order::pairs) {
    split(u.x, u.y, high[0], low[0]), split(u.z, u.w, high[1], low[1]);
    split(v.x, v.y, high[2], low[2]), split(v.z, v.w, high[3], low[3]);
  } else if constexpr (kOrder == Order::bytes) {
    split(u.x, u.z, high[0], low[0]), split(u.y, u.w, high[1], low[1]);
    split(v.x, v.z, high[2], low[2]), split(v.y, v.w, high[3], low[3]);
  } else {
    split(u.x, v.x, high[0], low[0]), split(u.y, v.y, high[1], low[1]);
    split(u.z, v.z, high[2], low[2]), split(u.w, v.w, high[3], low[3]);
  }
}

// Both products of a group: d += a0 a1 (rows g, g + 8) times x.
__device__ __forceinline__ void both(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[4],
                                     const uint32_t (&x)[4], int step) {
  product(d, a[2 * step], b[2 * step], a[2 * step + 1], b[2 * step + 1], x[2 * step], x[2 * step + 1]);
}

// f16 to two bf16 numbers.
__device__ __forceinline__ void split_f16(uint32_t w, uint32_t& high, uint32_t& low) {
  __half2 h;
  memcpy(&h, &w, 4);
  const float2 f = __half22float2(h);
  split(f.x, f.y, high, low);
}

// kWhole: the piece is complete, and the groups in it are independent work without branches between them.
template <typename W, int kTiles, int kRows, bool kWhole>
__device__ __forceinline__ void compute(const GemvParams& p, int64_t n0, int64_t chunk, const uint8_t* stage,
                                        int lane, float (&acc)[kTiles][4]) {
  using S = Plan<W, kTiles, kRows>;
  constexpr bool kBoth = kRows > 4;  // up to four rows of x: the low parts are columns 4 to 7
  const int g = lane / 4, t = lane % 4, column = kBoth ? g : g % 4;
  const int64_t k0 = chunk * W::kChunk;
  const int groups = static_cast<int>((p.k - k0 < W::kChunk ? p.k - k0 : W::kChunk) / 32);
  const float* const xs = reinterpret_cast<const float*>(stage) + (column < kRows ? column : 0) * S::kXPitch;
  const uint8_t* rows[kTiles][2];
#pragma unroll
  for (int i = 0; i < 2 * kTiles; ++i) {
    const int r = g + 8 * i;
    const int64_t row = n0 + r < p.n ? n0 + r : p.n - 1;
    rows[i / 2][i % 2] = stage + S::kX + r * W::kPitch + ((row * p.row_bytes + chunk * W::kPiece) & 15);
  }
  [[maybe_unused]] float part[kTiles][4], sum[4];
#pragma unroll
  for (int q = 0; q < W::kChunk / 32; ++q) {
    if (!kWhole && q >= groups) break;
    uint32_t high[4], low[4];
    right<W::kOrder>(xs + 32 * q, t, column < kRows, high, low);
    if constexpr (!kBoth) {
#pragma unroll
      for (int j = 0; j < 4; ++j) high[j] = g < 4 ? high[j] : low[j];
    }
    if constexpr (!W::kScaled) {
#pragma unroll
      for (int i = 0; i < kTiles; ++i) {
        uint32_t a[2][4];
#pragma unroll
        for (int r = 0; r < 2; ++r)
#pragma unroll
          for (int s = 0; s < 2; ++s) {
            const auto v = *reinterpret_cast<const uint2*>(rows[i][r] + 64 * q + 32 * s + 8 * t);
            a[r][2 * s] = v.x, a[r][2 * s + 1] = v.y;
          }
        if constexpr (W::kTwo) {
          uint32_t rest[2][4];
#pragma unroll
          for (int j = 0; j < 8; ++j) split_f16(a[j / 4][j % 4], a[j / 4][j % 4], rest[j / 4][j % 4]);
          both(acc[i], rest[0], rest[1], high, 0), both(acc[i], rest[0], rest[1], high, 1);
        }
        both(acc[i], a[0], a[1], high, 0), both(acc[i], a[0], a[1], high, 1);
        if constexpr (kBoth) both(acc[i], a[0], a[1], low, 0), both(acc[i], a[0], a[1], low, 1);
      }
    } else if constexpr (W::kExtra) {
      if (q % 4 == 0) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          sum[e] = 0;
#pragma unroll
          for (int i = 0; i < kTiles; ++i) part[i][e] = 0;
        }
      }
      const uint32_t ones[4] = {0x3F803F80, 0x3F803F80, 0x3F803F80, 0x3F803F80};
#pragma unroll
      for (int s = 0; s < 2; ++s) {
        both(sum, ones, ones, high, s);
        if constexpr (kBoth) both(sum, ones, ones, low, s);
      }
#pragma unroll
      for (int i = 0; i < kTiles; ++i) {
        uint32_t a[2][4];
#pragma unroll
        for (int r = 0; r < 2; ++r) {
          const uint32_t v = *reinterpret_cast<const uint32_t*>(rows[i][r] + 16 * q + 4 * t);
#pragma unroll
          for (int j = 0; j < 4; ++j) a[r][j] = subtract((v >> 4 * j & 0x000F000F) | k128, k128);
        }
#pragma unroll
        for (int s = 0; s < 2; ++s) {
          both(part[i], a[0], a[1], high, s);
          if constexpr (kBoth) both(part[i], a[0], a[1], low, s);
        }
        if (q % 4 == 3) {
#pragma unroll
          for (int r = 0; r < 2; ++r) {
            const uint8_t* const e = stage + S::kX + S::kW + 8 * (16 * i + 8 * r + g) + q / 4 * 2;
            const float scale = half_at(e), zero = half_at(e + 4);
            acc[i][2 * r] += scale * (part[i][2 * r] - zero * sum[2 * r]);
            acc[i][2 * r + 1] += scale * (part[i][2 * r + 1] - zero * sum[2 * r + 1]);
          }
        }
      }
    } else {
      using F = typename W::Format;
      if constexpr (F::kLeast) {
        const uint32_t ones[4] = {0x3F803F80, 0x3F803F80, 0x3F803F80, 0x3F803F80};
        sum[0] = sum[1] = sum[2] = sum[3] = 0;
#pragma unroll
        for (int s = 0; s < 2; ++s) {
          both(sum, ones, ones, high, s);
          if constexpr (kBoth) both(sum, ones, ones, low, s);
        }
      }
#pragma unroll
      for (int i = 0; i < kTiles; ++i) {
        uint32_t a[2][4];
        F::codes(rows[i][0], q, t, a[0]);
        F::codes(rows[i][1], q, t, a[1]);
#pragma unroll
        for (int s = 0; s < 2; ++s) {
          if (F::kSub == 16 || s == 0) part[i][0] = part[i][1] = part[i][2] = part[i][3] = 0;
          both(part[i], a[0], a[1], high, s);
          if constexpr (kBoth) both(part[i], a[0], a[1], low, s);
          if (F::kSub == 16 || s == 1) {
#pragma unroll
            for (int r = 0; r < 2; ++r) {
              const float scale = F::scale(rows[i][r], q, s);
              acc[i][2 * r] += scale * part[i][2 * r];
              acc[i][2 * r + 1] += scale * part[i][2 * r + 1];
              if constexpr (F::kLeast) {
                const float least = F::least(rows[i][r], q);
                acc[i][2 * r] -= least * sum[2 * r];
                acc[i][2 * r + 1] -= least * sum[2 * r + 1];
              }
            }
          }
        }
      }
    }
  }
}

template <typename W, int kTiles, int kRows>
__global__ void __launch_bounds__(kWarps * 32) gemv_kernel(GemvParams p) {
  using S = Plan<W, kTiles, kRows>;
  extern __shared__ __align__(128) uint8_t shared[];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int64_t n0 = static_cast<int64_t>(blockIdx.x) * (16 * kTiles);
  uint8_t* const own = shared + warp * (S::kStage * S::kStages);
  const int64_t chunks = (p.k + W::kChunk - 1) / W::kChunk;
  float acc[kTiles][4] = {};
  // One group of copies a step, empty past the end, so that waiting counts steps.
#pragma unroll
  for (int s = 0; s < S::kStages - 1; ++s) {
    const int64_t c = warp + int64_t{s} * kWarps;
    if (c < chunks) fetch<W, kTiles, kRows>(p, n0, c, own + s * S::kStage, lane);
    asm volatile("cp.async.commit_group;" ::: "memory");
  }
  int at = 0, into = S::kStages - 1;
  for (int64_t c = warp; c < chunks; c += kWarps) {
    const int64_t next = c + int64_t{S::kStages - 1} * kWarps;
    __syncwarp();  // the stage that is filled now has been read
    if (next < chunks) fetch<W, kTiles, kRows>(p, n0, next, own + into * S::kStage, lane);
    asm volatile("cp.async.commit_group;" ::: "memory");
    asm volatile("cp.async.wait_group %0;" ::"n"(S::kStages - 1) : "memory");
    __syncwarp();
    if ((c + 1) * W::kChunk <= p.k)
      compute<W, kTiles, kRows, true>(p, n0, c, own + at * S::kStage, lane, acc);
    else
      compute<W, kTiles, kRows, false>(p, n0, c, own + at * S::kStage, lane, acc);
    at = at + 1 == S::kStages ? 0 : at + 1;
    into = into + 1 == S::kStages ? 0 : into + 1;
  }
  asm volatile("cp.async.wait_all;" ::: "memory");
  // The sums of the warps, in their order: the result does not depend on timing.
  __syncthreads();
  auto* const sums = reinterpret_cast<float*>(shared);
#pragma unroll
  for (int i = 0; i < kTiles; ++i)
#pragma unroll
    for (int e = 0; e < 4; ++e) sums[((warp * kTiles + i) * 4 + e) * 32 + lane] = acc[i][e];
  __syncthreads();
  for (int j = threadIdx.x; j < kTiles * 128; j += kWarps * 32) {
    float y = 0;
#pragma unroll
    for (int w = 0; w < kWarps; ++w) {
      y += sums[w * kTiles * 128 + j];
      if (kRows <= 4 && j % 4 < 2) y += sums[w * kTiles * 128 + j + 2];  // the lane with the low parts
    }
    const int i = j / 128, e = j / 32 % 4, from = j % 32;
    const int64_t n = n0 + 16 * i + from / 4 + e / 2 * 8;
    const int m = from % 4 * 2 + e % 2;
    if (m < kRows && m < p.m && n < p.n) p.y[m * p.y_stride + n] = y + (p.bias ? p.bias[n] : 0.0f);
  }
}

template <typename W, int kTiles, int kRows>
void launch_plan(const GemvParams& p, gpuStream_t stream) {
  using S = Plan<W, kTiles, kRows>;
  auto* const kernel = gemv_kernel<W, kTiles, kRows>;
  gpuFuncSetAttribute(reinterpret_cast<const void*>(kernel), gpuFuncAttributeMaxDynamicSharedMemorySize,
                      S::kShared);
  const int64_t blocks = (p.n + 16 * kTiles - 1) / (16 * kTiles);
  kernel<<<static_cast<uint32_t>(blocks), kWarps * 32, S::kShared, stream>>>(p);
}

template <typename W>
void launch_format(const GemvParams& all, gpuStream_t stream) {
  for (int64_t m = 0; m < all.m; m += 8) {
    GemvParams p = all;
    p.m = static_cast<int>(all.m - m < 8 ? all.m - m : 8);
    p.x += m * p.x_stride;
    p.y += m * p.y_stride;
    if (p.m == 1)
      launch_plan<W, 1, 1>(p, stream);
    else if (p.m == 2)
      launch_plan<W, 1, 2>(p, stream);
    else if (p.m <= 4)
      launch_plan<W, W::kPiece <= 180 ? 2 : 1, 4>(p, stream);
    else
      launch_plan<W, W::kPiece <= 180 ? 2 : 1, 8>(p, stream);  // shared memory holds no more
  }
}

using Launch = void (*)(const GemvParams&, gpuStream_t);
struct Entry {
  const char* format;
  Launch launch;
  int block, bytes;
};
const Entry kFormats[] = {
    {"bf16", launch_format<Reals<false>>, 1, 2},    {"f16", launch_format<Reals<true>>, 1, 2},
    {"q4_0", launch_format<Block<Q4_0>>, 32, 18},   {"q8_0", launch_format<Block<Q8_0>>, 32, 34},
    {"q4_k", launch_format<Block<Q4_K>>, 256, 144}, {"q5_k", launch_format<Block<Q5_K>>, 256, 176},
    {"q6_k", launch_format<Block<Q6_K>>, 256, 210}, {"iq4_xs", launch_format<Block<IQ4_XS>>, 256, 136},
    {"mxfp4", launch_format<Block<MXFP4>>, 32, 17},
};
const Entry* entry_of(const char* format) {
  for (const Entry& e : kFormats)
    if (!std::strcmp(e.format, format)) return &e;
  return nullptr;
}

}  // namespace

bool launch_gemv(const char* format, GemvParams p, gpuStream_t stream) {
  const Entry* const e = entry_of(format);
  if (!e || p.k % 32 || p.k % e->block) return false;
  if (!p.row_bytes) p.row_bytes = p.k / e->block * e->bytes;
  p.w_bytes = (p.n - 1) * p.row_bytes + p.k / e->block * e->bytes;
  e->launch(p, stream);
  return true;
}

bool launch_gemv_int4(GemvParams p, gpuStream_t stream) {
  if (p.k % 256 || !p.scales || !p.zeros) return false;
  p.row_bytes = p.k / 2;
  p.w_bytes = p.n * p.row_bytes;
  launch_format<Int4>(p, stream);
  return true;
}

namespace {

const char* accepts(const void* q) {
  const auto& a = *static_cast<const LinearArgs*>(q);
  if (!a.w.format || !entry_of(a.w.format->name)) return "weights in a format that this kernel does not read";
  if (a.x.dim[0] > 16) return "more than 16 rows";
  if (a.x.dim[1] == 0 || a.x.dim[1] % 32) return "rows are not a multiple of 32";
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
  if (p.m && p.n) launch_gemv(a.w.format->name, p, static_cast<gpuStream_t>(exec.stream));
}

}  // namespace
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{
    "linear",
    "gemv.gpu",
    DeviceKind::gpu,
    GpuFeature::cuda | GpuFeature::sm90,  // up to 226 KiB of shared memory a block
    60,
    Rounding::bf16_activation,
    accepts,
    nullptr,
    run,
    nullptr,
    "matrix-vector products on the tensor cores from blocks as they lie"};
}  // namespace tables
}  // namespace ridge
