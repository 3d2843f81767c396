// Operands of FlashAttention-3 in FP8 e4m3: rotation by D H / sqrt(d) (D random signs, H Hadamard), one scale
// a block, and values transposed (Shah et al. 2024, arXiv:2407.08608, section 3.3).
#pragma once
#include "ops/attention/flash3.cuh"

namespace ridge {
namespace {

__device__ __forceinline__ uint16_t two_fp8(float low, float high) {
  uint16_t r;
  asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(r) : "f"(high), "f"(low));
  return r;
}
__device__ __forceinline__ uint32_t four_fp8(float a, float b, float c, float d) {
  return static_cast<uint32_t>(two_fp8(a, b)) | static_cast<uint32_t>(two_fp8(c, d)) << 16;
}

constexpr float kFp8Most = 448;
constexpr float kLeast = 1e-12f;  // a block of zeros: keeps units, and their ratios, finite

__device__ __forceinline__ float block_most(float x, float* shared) {
  for (int i = 16; i; i >>= 1) x = fmaxf(x, __shfl_xor_sync(~0u, x, i));
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = x;
  __syncthreads();
  x = shared[threadIdx.x % 16];
  for (int i = 8; i; i >>= 1) x = fmaxf(x, __shfl_xor_sync(~0u, x, i));
  return fmaxf(x, kLeast);
}

// Rotates and rounds kBlock rows of one head; 16 warps, a row a warp at a time. Column c of a row is element
// c % (d / 32) of lane c / (d / 32).
template <typename T, int kD, int kBlock, bool kRotate>
__global__ void __launch_bounds__(512)
    rotate_kernel(const T* x, int64_t token, int64_t head_stride, const AttentionSegment* segments, bool keys,
                  uint8_t* to, float* unit, int blocks, int64_t rows_in_head) {
  constexpr int kEach = kD / 32, kRowsEach = (kBlock + 15) / 16;
  __shared__ float most[16];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, head = blockIdx.y;
  const AttentionSegment g = segments[blockIdx.z];
  const int64_t begin = keys ? g.kv_begin : g.q_begin;
  const int length = static_cast<int>(keys ? g.kv_len : g.q_len), row0 = blockIdx.x * kBlock;
  if (row0 >= length) return;
  const int64_t block = begin / kBlock + blockIdx.z + blockIdx.x;
  float value[kRowsEach][kEach];
  float top = 0;
#pragma unroll
  for (int r = 0; r < kRowsEach; ++r) {
    const int row = row0 + 16 * r + warp;
    const bool inside = row < length && 16 * r + warp < kBlock;
    const T* from = x + (begin + row) * token + head * head_stride + lane * kEach;
#pragma unroll
    for (int e = 0; e < kEach; ++e) value[r][e] = inside ? static_cast<float>(from[e]) : 0.0f;
    if constexpr (kRotate) {
#pragma unroll
      for (int e = 0; e < kEach; ++e) {
        const uint32_t column = lane * kEach + e;
        if ((column * 2654435761u ^ column * 40503u << 7) >> 31) value[r][e] = -value[r][e];
      }
#pragma unroll
      for (int step = 1; step < kEach; step *= 2)
#pragma unroll
        for (int e = 0; e < kEach; ++e)
          if (!(e & step)) {
            const float a = value[r][e], b = value[r][e + step];
            value[r][e] = a + b, value[r][e + step] = a - b;
          }
#pragma unroll
      for (int step = 1; step < 32; step *= 2)
#pragma unroll
        for (int e = 0; e < kEach; ++e) {
          const float other = __shfl_xor_sync(~0u, value[r][e], step);
          value[r][e] = lane & step ? other - value[r][e] : value[r][e] + other;
        }
    }
#pragma unroll
    for (int e = 0; e < kEach; ++e) top = fmaxf(top, fabsf(value[r][e]));
  }
  top = block_most(top, most);
  const float factor = kFp8Most / top;
  if (threadIdx.x == 0)
    unit[static_cast<int64_t>(head) * blocks + block] =
        top / kFp8Most * (kRotate ? rsqrtf(static_cast<float>(kD)) : 1);
#pragma unroll
  for (int r = 0; r < kRowsEach; ++r) {
    const int row = 16 * r + warp;
    if (row >= kBlock) continue;
    uint8_t* at = to + (head * rows_in_head + block * kBlock + row) * kD + lane * kEach;
    if constexpr (kEach == 2) {
      *reinterpret_cast<uint16_t*>(at) = two_fp8(value[r][0] * factor, value[r][1] * factor);
    } else {
#pragma unroll
      for (int e = 0; e < kEach; e += 4)
        *reinterpret_cast<uint32_t*>(at + e) = four_fp8(value[r][e] * factor, value[r][e + 1] * factor,
                                                        value[r][e + 2] * factor, value[r][e + 3] * factor);
    }
  }
}

// Which key of a group of 16 stands at slot s of V's rows: a thread's four neighbouring slots hold keys 2t,
// 2t + 1 of the accumulator's first eight columns and of its second eight.
__device__ __forceinline__ int key_of_slot(int s) { return s / 4 * 2 + (s & 1) + (s & 2) * 4; }

// Rounds and transposes kKeys rows of values of one head.
template <typename T, int kD, int kKeys>
__global__ void __launch_bounds__(512)
    values_kernel(const T* v, int64_t token, int64_t head_stride, const AttentionSegment* segments,
                  uint8_t* to, float* unit, int blocks) {
  constexpr int kPadded = (kKeys + 127) / 128 * 128, kPitch = kD + 4;
  constexpr int kPieces = kKeys * kD / 4, kEach = (kPieces + 511) / 512;
  extern __shared__ uint8_t tile[];  // [keys, d]
  __shared__ float most[16];
  const int head = blockIdx.y;
  const AttentionSegment g = segments[blockIdx.z];
  const int length = static_cast<int>(g.kv_len), row0 = blockIdx.x * kKeys;
  if (row0 >= length) return;
  const int64_t block = g.kv_begin / kKeys + blockIdx.z + blockIdx.x;
  uint2 piece[kEach];  // four values each
  float top = 0;
#pragma unroll
  for (int i = 0; i < kEach; ++i) {
    const int at = i * 512 + threadIdx.x, row = at / (kD / 4), column = at % (kD / 4) * 4;
    piece[i] = make_uint2(0, 0);
    if (at < kPieces && row0 + row < length)
      piece[i] = *reinterpret_cast<const uint2*>(v + (g.kv_begin + row0 + row) * token + head * head_stride +
                                                 column);
    const T* x = reinterpret_cast<const T*>(&piece[i]);
#pragma unroll
    for (int e = 0; e < 4; ++e) top = fmaxf(top, fabsf(static_cast<float>(x[e])));
  }
  top = block_most(top, most);
  const float factor = kFp8Most / top;
  if (threadIdx.x == 0) unit[static_cast<int64_t>(head) * blocks + block] = top / kFp8Most;
#pragma unroll
  for (int i = 0; i < kEach; ++i) {
    const int at = i * 512 + threadIdx.x, row = at / (kD / 4), column = at % (kD / 4) * 4;
    const T* x = reinterpret_cast<const T*>(&piece[i]);
    if (at < kPieces)
      *reinterpret_cast<uint32_t*>(tile + row * kPitch + column) =
          four_fp8(static_cast<float>(x[0]) * factor, static_cast<float>(x[1]) * factor,
                   static_cast<float>(x[2]) * factor, static_cast<float>(x[3]) * factor);
  }
  __syncthreads();
  uint8_t* out = to + (static_cast<int64_t>(head) * blocks + block) * kD * kPadded;
  for (int i = threadIdx.x; i < kD * kPadded / 16; i += 512) {
    const int column = i / (kPadded / 16), group = i % (kPadded / 16) * 16;
    uint32_t word[4] = {};
    if (group < kKeys)
#pragma unroll
      for (int s = 0; s < 16; ++s)
        word[s / 4] |= static_cast<uint32_t>(tile[(group + key_of_slot(s)) * kPitch + column]) << s % 4 * 8;
    *reinterpret_cast<uint4*>(out + column * kPadded + group) =
        make_uint4(word[0], word[1], word[2], word[3]);
  }
}

}  // namespace
}  // namespace ridge
