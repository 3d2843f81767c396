// What the FlashAttention-3 kernels share: exponentials, packing and the way out of the accumulators.
#pragma once
#include <algorithm>
#include <type_traits>

#include "device/hopper.cuh"
#include "ops/attention/gpu_attention.cuh"

namespace ridge {

// Queues FlashAttention-3 for 16-bit operands; `counter` is 4 bytes of device memory for the call. False
// where the driver refused something. Variant -1 picks the tile.
bool launch_flash3(const AttentionGpuParams& p, int variant, int32_t* counter, gpuStream_t stream);

// In FP8: `variant` -1 picks the tile, `flags` of kFp8...
constexpr int kFp8Persistent = 1, kFp8Plain = 2,
              kFp8Rounded = 4;  // kFp8Plain: no rotation; kFp8Rounded: rounded before
int64_t flash3_fp8_workspace(const AttentionGpuParams& p, int variant);
bool launch_flash3_fp8(const AttentionGpuParams& p, int variant, int flags, void* workspace,
                       gpuStream_t stream);

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
template <int kDv>
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

// Which queries of which head a tile is: the longest tiles of a causal head first, head after head, so that
// CTAs that run together read the same keys from L2.
struct Work {
  int head, row0, q_len, kv_len, q_begin, kv_begin, shift, first, last;  // tiles of keys first .. last
};

template <typename S>
RIDGE_HOPPER Work work_of(const AttentionGpuParams& p, int tile, int row_tiles) {
  Work w;
  const int pair = tile / row_tiles;
  w.head = pair % p.heads;
  const AttentionSegment g = p.segments[pair / p.heads];
  w.row0 = (row_tiles - 1 - tile % row_tiles) * S::kRows;
  w.q_len = static_cast<int>(g.q_len);
  w.kv_len = static_cast<int>(g.kv_len);
  w.q_begin = static_cast<int>(g.q_begin);
  w.kv_begin = static_cast<int>(g.kv_begin);
  w.shift = w.kv_len - w.q_len;
  const int end = min(w.row0 + S::kRows, w.q_len);
  const KeyRange seen = visible_keys(p.causal, p.window, w.kv_len, w.row0 + w.shift, end - 1 + w.shift);
  w.first = seen.first / S::kKeys;
  w.last = seen.end > seen.first ? (seen.end - 1) / S::kKeys : w.first - 1;
  if (w.row0 >= w.q_len) w.last = w.first - 1;
  return w;
}

// Hands tiles to all warps of a CTA through two slots of shared memory: each slot a number and the barriers
// `full` and `free`, 24 bytes. The first tile is the CTA's own; the next ones come from a counter in device
// memory, first come first served, or, without one, in steps of the grid.
struct Tiles {
  uint32_t at;
  int32_t* counter;
  uint32_t step = 0;

  static constexpr int kBytes = 48;
  RIDGE_HOPPER Tiles(uint32_t at_, int32_t* counter_) : at(at_), counter(counter_) {}
  RIDGE_HOPPER void init(int warps) const {
    for (int i = 0; i < 2; ++i) {
      hopper::barrier_init(at + 24 * i + 8, 1);
      hopper::barrier_init(at + 24 * i + 16, warps);
    }
  }
  // The producer's side.
  RIDGE_HOPPER int give() {
    const uint32_t slot = at + 24 * (step & 1);
    const int g = gridDim.x;
    const int tile = step == 0 ? blockIdx.x : counter ? g + atomicAdd(counter, 1) : blockIdx.x + step * g;
    hopper::wait(slot + 16, (step >> 1 & 1) ^ 1);
    asm volatile("st.shared.b32 [%0], %1;" ::"r"(slot), "r"(tile) : "memory");
    hopper::arrive(slot + 8);
    ++step;
    return tile;
  }
  // A consumer warp's side.
  RIDGE_HOPPER int take(int lane) {
    const uint32_t slot = at + 24 * (step & 1);
    int tile;
    hopper::wait(slot + 8, step >> 1 & 1);
    asm volatile("ld.shared.b32 %0, [%1];" : "=r"(tile) : "r"(slot) : "memory");
    __syncwarp();
    if (lane == 0) hopper::arrive(slot + 16);
    ++step;
    return tile;
  }
};

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
