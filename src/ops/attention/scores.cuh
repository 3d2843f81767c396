// Attention through a matrix of scores in memory: what the rungs `naive` and `online_softmax`
// share (and, in its tiles, `memory_efficient`). They are
// written to be read, run on any GPU, take every type and bias, and compute in f32 throughout.
//
// Both products are tiles of 64 x 64 outputs, 16 x 16 threads with 4 x 4 of them each, 16 columns of the
// inner dimension at a time through shared memory.
#pragma once
#include <cmath>

#include "ops/attention/gpu_attention.cuh"

namespace ridge {
namespace scores {

constexpr int kTile = 64, kInner = 16, kSide = 16, kThreads = kSide * kSide;

template <typename T>
__device__ __forceinline__ float to_float(T x) {
  return static_cast<float>(x);
}

// From the lane whose number differs in the bits of `mask`, within 32 lanes, whatever the width of a warp.
__device__ __forceinline__ float exchange(float x, int mask) {
#if defined(__HIP_PLATFORM_AMD__)
  return __shfl_xor(x, mask, 32);
#else
  return __shfl_xor_sync(~0u, x, mask, 32);
#endif
}

__device__ __forceinline__ void store_output(const AttentionGpuParams& p, int64_t at, float x) {
  if (p.out == GpuReal::f32)
    static_cast<float*>(p.o)[at] = x;
  else if (p.out == GpuReal::bf16)
    static_cast<gpu_bf16*>(p.o)[at] = static_cast<gpu_bf16>(x);
  else
    static_cast<gpu_f16*>(p.o)[at] = static_cast<gpu_f16>(x);
}

// The two operands' tiles; one function, so that every product of a kernel uses the same memory.
__device__ inline float (*operand_tiles())[kInner][kTile + 4] {
  __shared__ float tiles[2][kInner][kTile + 4];
  return tiles;
}

// acc[r][c] += sum_i a(4 y + r, i) b(i, 4 x + c) over the inner indices [0, n), thread (x, y).
template <typename A, typename B>
__device__ __forceinline__ void product(int n, float (&acc)[4][4], A&& a, B&& b) {
  float(*const left)[kTile + 4] = operand_tiles()[0], (*const right)[kTile + 4] = operand_tiles()[1];
  const int x = threadIdx.x % kSide, y = threadIdx.x / kSide;
  for (int i0 = 0; i0 < n; i0 += kInner) {
    __syncthreads();
    for (int e = threadIdx.x; e < kTile * kInner; e += kThreads) {
      const int i = e % kInner, r = e / kInner;
      left[i][r] = i0 + i < n ? a(r, i0 + i) : 0.0f;
    }
    for (int e = threadIdx.x; e < kTile * kInner; e += kThreads) {
      const auto [i, c] = b.place(e);
      right[i][c] = i0 + i < n ? b(i0 + i, c) : 0.0f;
    }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kInner; ++i) {
      float l[4], r[4];
#pragma unroll
      for (int e = 0; e < 4; ++e) l[e] = left[i][4 * y + e], r[e] = right[i][4 * x + e];
#pragma unroll
      for (int u = 0; u < 4; ++u)
#pragma unroll
        for (int w = 0; w < 4; ++w) acc[u][w] = fmaf(l[u], r[w], acc[u][w]);
    }
  }
}

struct Place {
  int i, c;
};

// Rows of keys: the inner index runs along memory.
template <typename T>
struct Keys {
  const T* k;
  int64_t token;
  int have;
  __device__ Place place(int e) const { return {e % kInner, e / kInner}; }
  __device__ float operator()(int i, int c) const { return c < have ? to_float(k[c * token + i]) : 0.0f; }
};

// Rows of values: the column runs along memory.
template <typename T>
struct Values {
  const T* v;
  int64_t token;
  int columns;
  __device__ Place place(int e) const { return {e / kTile, e % kTile}; }
  __device__ float operator()(int i, int c) const { return c < columns ? to_float(v[i * token + c]) : 0.0f; }
};

// The score of key j for the query at position `at`, from the scaled product.
__device__ __forceinline__ float biased(const AttentionGpuParams& p, int head, int j, int at, float s) {
  if (p.softcap > 0) s = p.softcap * tanhf(s / p.softcap);
  if (p.slopes) s += p.slopes[head] * static_cast<float>(j - at);
  if (p.relative) {
    const int distance = j - at < -p.reach ? -p.reach : j - at > p.reach ? p.reach : j - at;
    s += p.relative[static_cast<int64_t>(head) * (2 * p.reach + 1) + distance + p.reach];
  }
  return s;
}

// Row of query i (of all) and head h in the matrix of scores; rows are max_kv_len long.
__device__ __forceinline__ int64_t score_row(const AttentionGpuParams& p, int64_t i, int h) {
  return (static_cast<int64_t>(h) * p.q_tokens + i) * p.max_kv_len;
}

// scores[h][i][j] for every visible pair; -inf for the others. Grid: query tiles x key tiles x heads x
// segments.
template <typename T>
__global__ void __launch_bounds__(kThreads) write_scores(const AttentionGpuParams p, float* to) {
  const int q_tiles = (p.max_q_len + kTile - 1) / kTile, k_tiles = (p.max_kv_len + kTile - 1) / kTile;
  int64_t rest = blockIdx.x;
  const int key0 = static_cast<int>(rest % k_tiles) * kTile;
  rest /= k_tiles;
  const int row0 = static_cast<int>(rest % q_tiles) * kTile;
  rest /= q_tiles;
  const int head = static_cast<int>(rest % p.heads);
  const AttentionSegment g = p.segments[rest / p.heads];
  const int q_len = static_cast<int>(g.q_len), kv_len = static_cast<int>(g.kv_len), shift = kv_len - q_len;
  if (row0 >= q_len || key0 >= kv_len) return;
  const T* q = static_cast<const T*>(p.q) + (g.q_begin + row0) * p.q_token + head * p.q_head;
  const T* k =
      static_cast<const T*>(p.k) + (g.kv_begin + key0) * p.k_token + head / (p.heads / p.kv_heads) * p.k_head;
  float acc[4][4] = {};
  product(
      p.d, acc, [&](int r, int i) { return row0 + r < q_len ? to_float(q[r * p.q_token + i]) : 0.0f; },
      Keys<T>{k, p.k_token, kv_len - key0});
  const int x = threadIdx.x % kSide, y = threadIdx.x / kSide;
  for (int r = 0; r < 4; ++r) {
    const int row = row0 + 4 * y + r;
    if (row >= q_len) break;
    const KeyRange seen = visible_keys(p.causal, p.window, kv_len, row + shift);
    float* out = to + score_row(p, g.q_begin + row, head);
    for (int c = 0; c < 4; ++c) {
      const int key = key0 + 4 * x + c;
      if (key < kv_len)
        out[key] = key >= seen.first && key < seen.end
                       ? biased(p, head, key, row + shift, acc[r][c] * p.scale)
                       : -INFINITY;
    }
  }
}

// o = weight(scores) v. `weight(i, h, s)` turns an entry of query i into its weight.
template <typename T, typename Weight>
__device__ __forceinline__ void weigh_values(const AttentionGpuParams& p, const float* from,
                                             Weight&& weight) {
  const int q_tiles = (p.max_q_len + kTile - 1) / kTile, c_tiles = (p.dv + kTile - 1) / kTile;
  int64_t rest = blockIdx.x;
  const int column0 = static_cast<int>(rest % c_tiles) * kTile;
  rest /= c_tiles;
  const int row0 = static_cast<int>(rest % q_tiles) * kTile;
  rest /= q_tiles;
  const int head = static_cast<int>(rest % p.heads);
  const AttentionSegment g = p.segments[rest / p.heads];
  const int q_len = static_cast<int>(g.q_len), kv_len = static_cast<int>(g.kv_len);
  if (row0 >= q_len) return;
  const T* v = static_cast<const T*>(p.v) + g.kv_begin * p.v_token +
               head / (p.heads / p.kv_heads) * p.v_head + column0;
  float acc[4][4] = {};
  product(
      kv_len, acc,
      [&](int r, int i) {
        const int64_t row = g.q_begin + row0 + r;
        return row0 + r < q_len ? weight(row, head, from[score_row(p, row, head) + i]) : 0.0f;
      },
      Values<T>{v, p.v_token, p.dv - column0});
  const int x = threadIdx.x % kSide, y = threadIdx.x / kSide;
  for (int r = 0; r < 4; ++r)
    for (int c = 0; c < 4; ++c) {
      const int64_t row = g.q_begin + row0 + 4 * y + r;
      const int column = column0 + 4 * x + c;
      if (row0 + 4 * y + r < q_len && column < p.dv)
        store_output(p, row * p.o_token + head * p.o_head + column, acc[r][c]);
    }
}

// Over the threads of a block of kThreads; every thread gets the result.
template <typename F>
__device__ __forceinline__ float reduce_block(float x, F&& f) {
  __shared__ float part[kThreads];
  __syncthreads();
  part[threadIdx.x] = x;
  for (int n = kThreads / 2; n > 0; n /= 2) {
    __syncthreads();
    if (static_cast<int>(threadIdx.x) < n) part[threadIdx.x] = f(part[threadIdx.x], part[threadIdx.x + n]);
  }
  __syncthreads();
  return part[0];
}

inline int64_t score_blocks(const AttentionGpuParams& p) {
  return int64_t{(p.max_q_len + kTile - 1) / kTile} * ((p.max_kv_len + kTile - 1) / kTile) * p.heads *
         p.segment_count;
}
inline int64_t row_blocks(const AttentionGpuParams& p) {
  return int64_t{p.max_q_len} * p.heads * p.segment_count;
}
inline int64_t output_blocks(const AttentionGpuParams& p) {
  return int64_t{(p.max_q_len + kTile - 1) / kTile} * ((p.dv + kTile - 1) / kTile) * p.heads *
         p.segment_count;
}
inline int64_t score_bytes(const AttentionGpuParams& p) {
  return int64_t{p.heads} * p.q_tokens * p.max_kv_len * 4;
}

}  // namespace scores

// Queue the pass; `in` and `out` of any type, any strides, every bias. `workspace` holds as many bytes
// as the rung's own function says.
int64_t naive_workspace(const AttentionGpuParams& p);
void launch_naive(const AttentionGpuParams& p, void* workspace, gpuStream_t stream);
int64_t online_softmax_workspace(const AttentionGpuParams& p);
void launch_online_softmax(const AttentionGpuParams& p, void* workspace, gpuStream_t stream);
int64_t memory_efficient_workspace(const AttentionGpuParams& p);
void launch_memory_efficient(const AttentionGpuParams& p, void* workspace, gpuStream_t stream);

}  // namespace ridge
