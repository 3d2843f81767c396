// FlashAttention-2, backward (Dao 2023, arXiv:2307.08691, algorithm 2), deterministic.
//
//   D_i = sum_c do_ic o_ic,   p_ij = exp(s_ij - lse_i),   dp_ij = do_i . v_j,   ds_ij = p_ij (dp_ij - D_i),
//   dv_j = sum_i p_ij do_i,   dk_j = scale sum_i ds_ij q_i,   dq_i = scale sum_j ds_ij k_j,
// with ds multiplied by 1 - (s/c)^2 where scores are capped. The published kernel adds dq from every tile of
// keys with atomics; here a second kernel owns the queries and computes s and dp again: seven products in
// place of five, no atomics, and the same bits every run. Both are one piece of code: a tile of rows (keys,
// or queries) stays, with two operands in shared memory,
//   x = a b^T, y = a' b'^T,   (a, a', b, b') = (k, v, q, do) for rows of keys, (q, do, k, v) for rows of
//   queries,
// and the other side streams by. Scores never leave registers: of x and y come p and ds, which are left
// operands of the products with b' and b. The gradients of a KV head sum over the query heads of its group in
// the same registers. Bytes moved: Theta(N^2 d / B) with B rows a tile.
#include "ops/attention/flash2.cuh"
#include "ops/attention/flash2_backward.cuh"
#include "ops/attention/gpu_call.cuh"

namespace ridge {
namespace {

using namespace tile;

// kRows = 16 kWarps rows stay, kStep of the other side pass at a time; kOut columns of the gradients a block.
template <int kDim_, int kOut_, int kWarps_, int kStep_, int kBlocks_>
struct Shape {
  static constexpr int kDim = kDim_, kOut = kOut_, kWarps = kWarps_, kStep = kStep_, kBlocks = kBlocks_;
  static constexpr int kThreads = 32 * kWarps, kRows = 16 * kWarps;
  static constexpr int kRowBytes = kRows * kDim * 2, kStepBytes = kStep * kDim * 2;
  static constexpr int kStage = 2 * kStepBytes + 2 * kStep * 4;  // b, b', and lse and D of queries that pass
  static constexpr int kShared = 2 * kRowBytes + 2 * kStage;
};

template <typename T>
__device__ __forceinline__ float read_output(const AttentionGpuParams& p, int64_t at) {
  return p.out == GpuReal::f32 ? static_cast<const float*>(p.o)[at]
                               : static_cast<float>(static_cast<const T*>(p.o)[at]);
}

// D: a warp a query and head.
template <typename T>
__global__ void delta_kernel(const AttentionGpuGradParams g) {
  const AttentionGpuParams& p = g.forward;
  const int64_t i = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
  if (i >= static_cast<int64_t>(p.q_tokens) * p.heads) return;
  const int64_t token = i / p.heads, head = i % p.heads;
  float sum = 0;
  for (int c = threadIdx.x % 32; c < p.dv; c += 32)
    sum += static_cast<float>(static_cast<const T*>(g.d_o)[i * p.dv + c]) *
           read_output<T>(p, token * p.o_token + head * p.o_head + c);
  for (int n = 16; n > 0; n /= 2) sum += __shfl_xor_sync(~0u, sum, n);
  if (threadIdx.x % 32 == 0) g.delta[head * p.q_tokens + token] = sum;
}

__device__ __forceinline__ void copy_async_word(uint32_t to, const float* from, bool there) {
  const int bytes = there ? 4 : 0;
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}

template <typename T, typename S, bool kKeyRows, bool kBias>
__global__ void __launch_bounds__(S::kThreads, S::kBlocks) backward_kernel(const AttentionGpuGradParams g) {
  constexpr int kD = S::kDim, kN = S::kStep / 8, kParts = kD / S::kOut;
  const AttentionGpuParams& p = g.forward;
  extern __shared__ __align__(1024) char shared[];
  const int thread = threadIdx.x, warp = thread / 32, lane = thread % 32;
  const int group = p.heads / p.kv_heads;

  const int longest = kKeyRows ? p.max_kv_len : p.max_q_len, own_heads = kKeyRows ? p.kv_heads : p.heads;
  const int tiles = (longest + S::kRows - 1) / S::kRows;
  int rest = blockIdx.x;
  const int part = rest % kParts;
  rest /= kParts;
  // Under a causal mask the first keys and the last queries have most to do; they start first.
  const int row0 = (kKeyRows ? rest % tiles : tiles - 1 - rest % tiles) * S::kRows;
  rest /= tiles;
  const int own_head = rest % own_heads;
  const AttentionSegment seg = p.segments[rest / own_heads];
  const int q_len = static_cast<int>(seg.q_len), kv_len = static_cast<int>(seg.kv_len),
            shift = kv_len - q_len;
  const int own_len = kKeyRows ? kv_len : q_len, other_len = kKeyRows ? q_len : kv_len;
  if (row0 >= own_len) return;
  const int last_row = min(row0 + S::kRows, own_len) - 1;

  // What passes: [first, end) of the other side.
  int first, end;
  if constexpr (kKeyRows) {
    first = p.causal ? row0 - shift : p.window > 0 ? row0 - p.window + 1 - shift : 0;
    end = p.window > 0 ? last_row + p.window - shift : q_len;
    first = max(first, 0), end = min(end, q_len);
  } else {
    const KeyRange seen = visible_keys(p.causal, p.window, kv_len, row0 + shift, last_row + shift);
    first = seen.first, end = seen.end;
  }
  const int first_step = first / S::kStep,
            steps = end > first ? (end + S::kStep - 1) / S::kStep - first_step : 0;
  const int kv_head = kKeyRows ? own_head : own_head / group, count = kKeyRows ? steps * group : steps;

  const T* const q = static_cast<const T*>(p.q) + seg.q_begin * p.q_token;
  const T* const d_o = static_cast<const T*>(g.d_o) + seg.q_begin * p.heads * p.dv;
  const T* const k = static_cast<const T*>(p.k) + seg.kv_begin * p.k_token + kv_head * p.k_head;
  const T* const v = static_cast<const T*>(p.v) + seg.kv_begin * p.v_token + kv_head * p.v_head;
  const int64_t do_token = static_cast<int64_t>(p.heads) * p.dv;
  const uint32_t a_at = shared_address(shared), stages_at = a_at + 2 * S::kRowBytes;

  const auto head_of = [&](int it) { return kKeyRows ? own_head * group + it / steps : own_head; };
  const auto copy_step = [&](int it, int stage) {
    const int head = head_of(it), at = (first_step + it % steps) * S::kStep, have = other_len - at;
    const uint32_t to = stages_at + stage * S::kStage;
    if constexpr (kKeyRows) {
      copy_tile<S::kStep, kD, S::kThreads>(to, q + at * p.q_token + head * p.q_head, p.q_token, have, p.d,
                                           thread);
      copy_tile<S::kStep, kD, S::kThreads>(to + S::kStepBytes,
                                           d_o + at * do_token + static_cast<int64_t>(head) * p.dv, do_token,
                                           have, p.dv, thread);
      const int64_t from = static_cast<int64_t>(head) * p.q_tokens + seg.q_begin + at;
      for (int i = thread; i < S::kStep; i += S::kThreads) {
        const bool there = i < have;
        copy_async_word(to + 2 * S::kStepBytes + i * 4, p.lse + from + (there ? i : 0), there);
        copy_async_word(to + 2 * S::kStepBytes + (S::kStep + i) * 4, g.delta + from + (there ? i : 0), there);
      }
    } else {
      copy_tile<S::kStep, kD, S::kThreads>(to, k + at * p.k_token, p.k_token, have, p.d, thread);
      copy_tile<S::kStep, kD, S::kThreads>(to + S::kStepBytes, v + at * p.v_token, p.v_token, have, p.dv,
                                           thread);
    }
  };
  if constexpr (kKeyRows) {
    copy_tile<S::kRows, kD, S::kThreads>(a_at, k + row0 * p.k_token, p.k_token, own_len - row0, p.d, thread);
    copy_tile<S::kRows, kD, S::kThreads>(a_at + S::kRowBytes, v + row0 * p.v_token, p.v_token, own_len - row0,
                                         p.dv, thread);
  } else {
    copy_tile<S::kRows, kD, S::kThreads>(a_at, q + row0 * p.q_token + own_head * p.q_head, p.q_token,
                                         own_len - row0, p.d, thread);
    copy_tile<S::kRows, kD, S::kThreads>(a_at + S::kRowBytes,
                                         d_o + row0 * do_token + static_cast<int64_t>(own_head) * p.dv,
                                         do_token, own_len - row0, p.dv, thread);
  }
  if (count > 0) copy_step(0, 0);
  copies_commit();

  const int my_row = row0 + warp * 16 + lane / 4;
  float row_lse[2] = {}, row_delta[2] = {};
  if constexpr (!kKeyRows) {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int64_t at =
          static_cast<int64_t>(own_head) * p.q_tokens + seg.q_begin + min(my_row + h * 8, q_len - 1);
      row_lse[h] = p.lse[at] * kLog2e, row_delta[h] = g.delta[at];
    }
  }
  const float unit = p.scale * kLog2e;
  const Walk<kD> a_walk(a_at, warp * 16 + lane % 16, lane / 16);
  const Walk<kD> b_walk(stages_at, lane % 8 + lane / 16 * 8, lane / 8 % 2);
  const Walk<kD> t_walk(stages_at, lane % 16, lane / 16);  // transposed
  float of_ds[S::kOut / 8][4] = {}, of_p[kKeyRows ? S::kOut / 8 : 1][4] = {};

  for (int it = 0; it < count; ++it) {
    copies_wait<0>();
    __syncthreads();  // the step is there, and the other stage has been read
    if (it + 1 < count) copy_step(it + 1, (it + 1) & 1);
    copies_commit();
    const uint32_t stage_at = (it & 1) * S::kStage;
    const float* const words =
        reinterpret_cast<const float*>(shared + 2 * S::kRowBytes + stage_at + 2 * S::kStepBytes);
    const int column0 = (first_step + it % steps) * S::kStep;

    float x[kN][4] = {}, y[kN][4] = {};
#pragma unroll
    for (int c = 0; c < kD / 16; ++c) {
      uint32_t a[4], a2[4];
      load_matrices(a, a_walk.at(0, c));
      load_matrices(a2, a_walk.at(0, c) + S::kRowBytes);
#pragma unroll
      for (int j = 0; j < kN / 2; ++j) {
        uint32_t b[4];
        load_matrices(b, b_walk.at(j, c) + stage_at);
        mma<T>(x[2 * j], a, b[0], b[1]);
        mma<T>(x[2 * j + 1], a, b[2], b[3]);
        load_matrices(b, b_walk.at(j, c) + stage_at + S::kStepBytes);
        mma<T>(y[2 * j], a2, b[0], b[1]);
        mma<T>(y[2 * j + 1], a2, b[2], b[3]);
      }
    }

    const int keys0 = kKeyRows ? row0 : column0, keys1 = keys0 + (kKeyRows ? S::kRows : S::kStep) - 1;
    const int queries0 = kKeyRows ? column0 : row0,
              queries1 = queries0 + (kKeyRows ? S::kStep : S::kRows) - 1;
    const bool cut =
        keys1 >= kv_len || queries1 >= q_len || (p.causal && keys1 > queries0 + shift) ||
        (p.window > 0 && (keys1 - queries0 - shift >= p.window || queries1 + shift - keys0 >= p.window));
    const float slope = kBias && p.slopes ? p.slopes[head_of(it)] : 0.0f;
#pragma unroll
    for (int j = 0; j < kN; ++j) {
      float lse[2], delta[2];
      if constexpr (kKeyRows) {
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          lse[e] = words[j * 8 + lane % 4 * 2 + e] * kLog2e;
          delta[e] = words[S::kStep + j * 8 + lane % 4 * 2 + e];
        }
      }
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int row = my_row + e / 2 * 8, column = column0 + j * 8 + lane % 4 * 2 + e % 2;
        const int key = kKeyRows ? row : column, query = kKeyRows ? column : row, at = query + shift;
        float s = x[j][e] * unit, through = 1;
        if constexpr (kBias) {
          s = x[j][e] * p.scale;
          if (p.softcap > 0) {
            s = cap(s, p.softcap);
            through = 1 - (s / p.softcap) * (s / p.softcap);
          }
          s = (s + slope * static_cast<float>(key - at)) * kLog2e;
        }
        float w = exp2_fast(s - (kKeyRows ? lse[e % 2] : row_lse[e / 2]));
        if (cut && (key >= kv_len || query >= q_len || (p.causal && key > at) ||
                    (p.window > 0 && (key - at >= p.window || at - key >= p.window))))
          w = 0;
        x[j][e] = w;
        y[j][e] = w * (y[j][e] - (kKeyRows ? delta[e % 2] : row_delta[e / 2])) * through;
        if (cut && w == 0) y[j][e] = 0;  // whatever the other factor was
      }
    }

#pragma unroll
    for (int c = 0; c < S::kStep / 16; ++c) {
      const uint32_t ds[4] = {pack<T>(y[2 * c][0], y[2 * c][1]), pack<T>(y[2 * c][2], y[2 * c][3]),
                              pack<T>(y[2 * c + 1][0], y[2 * c + 1][1]),
                              pack<T>(y[2 * c + 1][2], y[2 * c + 1][3])};
      const uint32_t w[4] = {pack<T>(x[2 * c][0], x[2 * c][1]), pack<T>(x[2 * c][2], x[2 * c][3]),
                             pack<T>(x[2 * c + 1][0], x[2 * c + 1][1]),
                             pack<T>(x[2 * c + 1][2], x[2 * c + 1][3])};
      const uint32_t from = stage_at + part * (S::kOut * 2);
#pragma unroll
      for (int j = 0; j < S::kOut / 16; ++j) {
        uint32_t b[4];
        load_matrices_transposed(b, t_walk.at(c, j) + from);
        mma<T>(of_ds[2 * j], ds, b[0], b[1]);
        mma<T>(of_ds[2 * j + 1], ds, b[2], b[3]);
        if constexpr (kKeyRows) {
          load_matrices_transposed(b, t_walk.at(c, j) + from + S::kStepBytes);
          mma<T>(of_p[2 * j], w, b[0], b[1]);
          mma<T>(of_p[2 * j + 1], w, b[2], b[3]);
        }
      }
    }
  }
  copies_wait<0>();

  const auto write = [&](void* to, int columns, float factor, const auto& values) {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int row = my_row + h * 8;
      if (row >= own_len) continue;
      const int64_t at = (((kKeyRows ? seg.kv_begin : seg.q_begin) + row) * own_heads + own_head) * columns +
                         part * S::kOut + lane % 4 * 2;
#pragma unroll
      for (int j = 0; j < S::kOut / 8; ++j) {
        if (part * S::kOut + j * 8 >= columns) break;
        const float u = values[j][h * 2] * factor, w = values[j][h * 2 + 1] * factor;
        if (g.out == GpuReal::f32)
          *reinterpret_cast<float2*>(static_cast<float*>(to) + at + j * 8) = make_float2(u, w);
        else
          *reinterpret_cast<uint32_t*>(static_cast<T*>(to) + at + j * 8) = pack<T>(u, w);
      }
    }
  };
  if constexpr (kKeyRows) {
    write(g.dk, p.d, p.scale, of_ds);
    write(g.dv, p.dv, 1.0f, of_p);
  } else {
    write(g.dq, p.d, p.scale, of_ds);
  }
}

template <typename T, typename S, bool kKeyRows>
const char* launch_side(const AttentionGpuGradParams& g, gpuStream_t stream) {
  const AttentionGpuParams& p = g.forward;
  const bool bias = p.softcap > 0 || p.slopes;
  auto* const kernel = bias ? backward_kernel<T, S, kKeyRows, true> : backward_kernel<T, S, kKeyRows, false>;
  if (gpuFuncSetAttribute(reinterpret_cast<const void*>(kernel), gpuFuncAttributeMaxDynamicSharedMemorySize,
                          S::kShared) != gpuSuccess)
    return "the device has too little shared memory for this head dimension";
  const int64_t tiles = ((kKeyRows ? p.max_kv_len : p.max_q_len) + S::kRows - 1) / S::kRows;
  const int64_t blocks = tiles * (kKeyRows ? p.kv_heads : p.heads) * p.segment_count * (S::kDim / S::kOut);
  if (blocks > 0) kernel<<<static_cast<uint32_t>(blocks), S::kThreads, S::kShared, stream>>>(g);
  return nullptr;
}

template <typename T, typename Keys, typename Queries>
const char* launch_both(const AttentionGpuGradParams& g, gpuStream_t stream) {
  if (const char* why = launch_side<T, Keys, true>(g, stream)) return why;
  return launch_side<T, Queries, false>(g, stream);
}

template <typename T>
const char* launch_type(const AttentionGpuGradParams& g, gpuStream_t stream) {
  const AttentionGpuParams& p = g.forward;
  const int64_t rows = int64_t{p.q_tokens} * p.heads;
  if (rows > 0) delta_kernel<T><<<static_cast<uint32_t>((rows + 7) / 8), 256, 0, stream>>>(g);
  const int d = p.d > p.dv ? p.d : p.dv;
  if (d <= 32) return launch_both<T, Shape<32, 32, 4, 64, 2>, Shape<32, 32, 4, 64, 2>>(g, stream);
  if (d <= 64) return launch_both<T, Shape<64, 64, 4, 64, 2>, Shape<64, 64, 4, 64, 2>>(g, stream);
  if (d <= 96) return launch_both<T, Shape<96, 96, 4, 64, 2>, Shape<96, 96, 4, 64, 2>>(g, stream);
  if (d <= 128) return launch_both<T, Shape<128, 128, 4, 64, 2>, Shape<128, 128, 4, 64, 2>>(g, stream);
  if (d <= 192) return launch_both<T, Shape<192, 64, 4, 64, 1>, Shape<192, 192, 4, 64, 1>>(g, stream);
  return launch_both<T, Shape<256, 128, 4, 64, 1>, Shape<256, 256, 4, 64, 1>>(g, stream);
}

}  // namespace

const char* launch_flash2_backward(const AttentionGpuGradParams& g, gpuStream_t stream) {
  return g.forward.in == GpuReal::bf16 ? launch_type<gpu_bf16>(g, stream) : launch_type<gpu_f16>(g, stream);
}

#ifdef RIDGE_KERNEL_SYMBOL
namespace {

const char* accepts(const void* args) {
  const AttentionGradArgs& g = *static_cast<const AttentionGradArgs*>(args);
  AttentionArgs a = g.forward;
  a.y = g.dy;
  if (const char* why = gpu_call::accepts_tiles(a)) return why;
  for (const View* v : {&g.dy, &g.dq, &g.dk, &g.dv})
    if (half_code(*v) != 0) return "gradients of other types than f32";
  if (g.dq.stride[1] != g.dq.dim[2] || g.dq.stride[0] != g.dq.dim[1] * g.dq.dim[2])
    return "a dq that is not contiguous";
  for (int64_t s = 1; s < a.segment_count; ++s)
    if (a.segments[s].kv_begin < a.segments[s - 1].kv_begin + a.segments[s - 1].kv_len)
      return "segments that share keys";
  return nullptr;
}

// The workspace: rounded operands, dy rounded, o in f32, lse, D.
int64_t workspace(const void* args, int) {
  const AttentionGradArgs& g = *static_cast<const AttentionGradArgs*>(args);
  const int64_t rows = g.forward.q.dim[0] * g.forward.q.dim[1];
  return gpu_call::tile_bytes(g.forward) + gpu_call::up(gpu_call::elements(g.dy) * 2) +
         gpu_call::up(gpu_call::elements(g.dy) * 4) + 2 * gpu_call::up(rows * 4);
}

void run(const void* args, const Exec& exec) {
  const AttentionGradArgs& g = *static_cast<const AttentionGradArgs*>(args);
  const gpuStream_t stream = static_cast<gpuStream_t>(exec.stream);
  char* at = static_cast<char*>(exec.workspace) + gpu_call::tile_bytes(g.forward);
  const auto take = [&](int64_t bytes) {
    char* const here = at;
    at += gpu_call::up(bytes);
    return here;
  };
  // The forward pass again, into the workspace: its output and lse are not kept on the tape.
  const int64_t rows = g.forward.q.dim[0] * g.forward.q.dim[1], dv = g.forward.v.dim[2];
  void* const d_o = take(gpu_call::elements(g.dy) * 2);
  AttentionArgs a = g.forward;
  a.y = g.dy;
  a.y.data = take(gpu_call::elements(g.dy) * 4);
  a.y.stride[2] = 1, a.y.stride[1] = dv, a.y.stride[0] = a.q.dim[1] * dv;
  AttentionGpuGradParams p;
  p.forward = gpu_call::in_tiles(a, exec);
  p.forward.lse = reinterpret_cast<float*>(take(rows * 4));
  p.delta = reinterpret_cast<float*>(take(rows * 4));
  gpu_call::convert(g.dy, p.forward.in, d_o, stream);
  p.d_o = d_o, p.dq = g.dq.data, p.dk = g.dk.data, p.dv = g.dv.data, p.out = GpuReal::f32;
  gpuMemsetAsync(p.dq, 0, static_cast<size_t>(gpu_call::elements(g.dq) * 4), stream);  // rows of no segment
  gpuMemsetAsync(p.dk, 0, static_cast<size_t>(gpu_call::elements(g.dk) * 4), stream);
  gpuMemsetAsync(p.dv, 0, static_cast<size_t>(gpu_call::elements(g.dv) * 4), stream);
  if (launch_flash2(p.forward, stream) == nullptr) launch_flash2_backward(p, stream);
}

}  // namespace

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"attention_grad",
                                 "flash2_backward",
                                 DeviceKind::gpu,
                                 GpuFeature::cuda | GpuFeature::sm80,
                                 20,
                                 Rounding::bf16_activation,
                                 accepts,
                                 workspace,
                                 run,
                                 nullptr,
                                 "Dao 2023 (FlashAttention-2), algorithm 2"};
}  // namespace tables
#endif

}  // namespace ridge
