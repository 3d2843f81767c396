// FlashAttention (Dao, Fu, Ermon, Rudra, Re 2022, arXiv:2205.14135, algorithm 1), as published: the outer
// loop runs over tiles of keys and values, the inner one over the queries, and the statistics m, l and the
// scaled output of every query are read from memory and rewritten for every tile of keys:
//   m' = max(m, m~),  l' = e^(m - m') l + e^(m~ - m') l~,  o' = (l e^(m - m') o + e^(m~ - m') p~ v) / l'.
// One block of threads a head and sequence; a warp always meets the same 16 queries, so that what it rewrites
// is read by itself alone.
// Bytes moved: k and v once; q, o, m and l once a tile of keys: Theta(N^2 d^2 / M) with M = Theta(B d).
#include "ops/attention/flash1.cuh"
#include "ops/attention/gpu_call.cuh"

namespace ridge {
namespace {

using namespace tile;

constexpr int kKeys = 64, kWarps = 8, kThreads = 32 * kWarps;

template <typename T, int kD>
__global__ void __launch_bounds__(kThreads, 1)
    flash1_kernel(const AttentionGpuParams p, float* out, float2* stats) {
  constexpr int kTileBytes = kKeys * kD * 2;
  extern __shared__ __align__(1024) char shared[];
  const int thread = threadIdx.x, warp = thread / 32, lane = thread % 32;
  const int head = blockIdx.x % p.heads, kv_head = head / (p.heads / p.kv_heads);
  const AttentionSegment g = p.segments[blockIdx.x / p.heads];
  const int q_len = static_cast<int>(g.q_len), kv_len = static_cast<int>(g.kv_len), shift = kv_len - q_len;
  const T* q = static_cast<const T*>(p.q) + g.q_begin * p.q_token + head * p.q_head;
  const T* k = static_cast<const T*>(p.k) + g.kv_begin * p.k_token + kv_head * p.k_head;
  const T* v = static_cast<const T*>(p.v) + g.kv_begin * p.v_token + kv_head * p.v_head;
  const float slope = p.slopes ? p.slopes[head] : 0.0f;
  const uint32_t k_at = shared_address(shared), v_at = k_at + kTileBytes;
  const Walk<kD> k_walk(k_at, lane % 8 + lane / 16 * 8, lane / 8 % 2), v_walk(v_at, lane % 16, lane / 16);

  // Lane's rows of the output (f32, [q_tokens, heads, dv]) and of the statistics (m in powers of two, l).
  const auto o_row = [&](int row) {
    return out + ((g.q_begin + row) * p.heads + head) * p.dv + lane % 4 * 2;
  };
  const auto stat = [&](int row) -> float2& { return stats[(g.q_begin + row) * p.heads + head]; };
  for (int row0 = warp * 16; row0 < q_len; row0 += 16 * kWarps)
    for (int row = row0 + lane / 4; row < min(row0 + 16, q_len); row += 8) {
      if (lane % 4 == 0) stat(row) = make_float2(-INFINITY, 0);
      for (int c = 0; c < p.dv; c += 8) *reinterpret_cast<float2*>(o_row(row) + c) = make_float2(0, 0);
    }
  __syncwarp();

  for (int key0 = 0; key0 < kv_len; key0 += kKeys) {
    __syncthreads();
    copy_tile<kKeys, kD, kThreads>(k_at, k + key0 * p.k_token, p.k_token, kv_len - key0, p.d, thread);
    copy_tile<kKeys, kD, kThreads>(v_at, v + key0 * p.v_token, p.v_token, kv_len - key0, p.dv, thread);
    copies_commit();
    copies_wait<0>();
    __syncthreads();
    for (int row0 = warp * 16; row0 < q_len; row0 += 16 * kWarps) {
      const int last = min(row0 + 15, q_len - 1);
      const KeyRange any = visible_keys(p.causal, p.window, kv_len, row0 + shift, last + shift);
      if (any.end <= key0 || any.first >= key0 + kKeys) continue;
      float s[kKeys / 8][4] = {};
#pragma unroll
      for (int c = 0; c < kD / 16; ++c) {
        uint32_t a[4];
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          const int row = row0 + lane / 4 + e % 2 * 8, column = c * 16 + e / 2 * 8;
          a[e] = row < q_len && column < p.d
                     ? *reinterpret_cast<const uint32_t*>(q + row * p.q_token + column + lane % 4 * 2)
                     : 0u;
        }
#pragma unroll
        for (int j = 0; j < kKeys / 16; ++j) {
          uint32_t b[4];
          load_matrices(b, k_walk.at(j, c));
          mma<T>(s[2 * j], a, b[0], b[1]);
          mma<T>(s[2 * j + 1], a, b[2], b[3]);
        }
      }
      float keep[2], scale_new[2];  // what the old output and the tile's own are multiplied by
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const int row = row0 + lane / 4 + h * 8;
        const KeyRange seen = visible_keys(p.causal, p.window, kv_len, row + shift);
        float top = -INFINITY, total = 0;
#pragma unroll
        for (int j = 0; j < kKeys / 8; ++j)
#pragma unroll
          for (int e = 0; e < 2; ++e) {
            const int key = key0 + j * 8 + lane % 4 * 2 + e;
            float x = s[j][h * 2 + e] * p.scale;
            if (p.softcap > 0) x = cap(x, p.softcap);
            x = (x + slope * static_cast<float>(key - row - shift)) * kLog2e;
            s[j][h * 2 + e] = key >= seen.first && key < seen.end ? x : -INFINITY;
            top = fmaxf(top, s[j][h * 2 + e]);
          }
        top = row_max(top);
        const float base = top == -INFINITY ? 0.0f : top;
#pragma unroll
        for (int j = 0; j < kKeys / 8; ++j)
#pragma unroll
          for (int e = 0; e < 2; ++e) {
            s[j][h * 2 + e] = exp2_fast(s[j][h * 2 + e] - base);
            total += s[j][h * 2 + e];
          }
        total = row_sum(total);
        const float2 old = row < q_len ? stat(row) : make_float2(-INFINITY, 0);
        const float m = fmaxf(old.x, top), zero = m == -INFINITY ? 0.0f : m;
        const float before = exp2_fast(old.x - zero) * old.y, now = exp2_fast(top - zero);
        const float l = before + now * total;
        keep[h] = l > 0 ? before / l : 0.0f, scale_new[h] = l > 0 ? now / l : 0.0f;
        __syncwarp();  // all four lanes of the row have read it
        if (row < q_len && lane % 4 == 0) stat(row) = make_float2(m, l);
      }
      __syncwarp();
      float o[kD / 8][4] = {};
#pragma unroll
      for (int c = 0; c < kKeys / 16; ++c) {
        const uint32_t a[4] = {pack<T>(s[2 * c][0], s[2 * c][1]), pack<T>(s[2 * c][2], s[2 * c][3]),
                               pack<T>(s[2 * c + 1][0], s[2 * c + 1][1]),
                               pack<T>(s[2 * c + 1][2], s[2 * c + 1][3])};
#pragma unroll
        for (int j = 0; j < kD / 16; ++j) {
          uint32_t b[4];
          load_matrices_transposed(b, v_walk.at(c, j));
          mma<T>(o[2 * j], a, b[0], b[1]);
          mma<T>(o[2 * j + 1], a, b[2], b[3]);
        }
      }
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const int row = row0 + lane / 4 + h * 8;
        if (row >= q_len) continue;
#pragma unroll
        for (int j = 0; j < kD / 8; ++j) {
          if (j * 8 >= p.dv) break;
          float2& x = *reinterpret_cast<float2*>(o_row(row) + j * 8);
          x = make_float2(keep[h] * x.x + scale_new[h] * o[j][h * 2],
                          keep[h] * x.y + scale_new[h] * o[j][h * 2 + 1]);
        }
      }
    }
  }
  __syncthreads();
  // The output in its own type, and lse.
  for (int64_t i = thread; i < static_cast<int64_t>(q_len) * p.dv; i += kThreads) {
    const int64_t token = g.q_begin + i / p.dv, at = token * p.o_token + head * p.o_head + i % p.dv;
    const float x = out[(token * p.heads + head) * p.dv + i % p.dv];
    if (p.out == GpuReal::f32)
      static_cast<float*>(p.o)[at] = x;
    else
      static_cast<T*>(p.o)[at] = static_cast<T>(x);
    if (p.lse && i % p.dv == 0) {
      const float2 t = stat(static_cast<int>(i / p.dv));
      p.lse[static_cast<int64_t>(head) * p.q_tokens + token] = t.y > 0 ? t.x * kLn2 + logf(t.y) : -INFINITY;
    }
  }
}

template <typename T, int kD>
const char* launch_shape(const AttentionGpuParams& p, float* out, float2* stats, gpuStream_t stream) {
  constexpr int kShared = 2 * kKeys * kD * 2;
  auto* const kernel = flash1_kernel<T, kD>;
  if (gpuFuncSetAttribute(reinterpret_cast<const void*>(kernel), gpuFuncAttributeMaxDynamicSharedMemorySize,
                          kShared) != 0)
    return "the device has too little shared memory for this head dimension";
  const int64_t blocks = int64_t{p.heads} * p.segment_count;
  if (blocks > 0) kernel<<<static_cast<uint32_t>(blocks), kThreads, kShared, stream>>>(p, out, stats);
  return nullptr;
}

template <typename T>
const char* launch_type(const AttentionGpuParams& p, float* out, float2* stats, gpuStream_t stream) {
  const int d = p.d > p.dv ? p.d : p.dv;
  if (d <= 64) return launch_shape<T, 64>(p, out, stats, stream);
  if (d <= 128) return launch_shape<T, 128>(p, out, stats, stream);
  return launch_shape<T, 256>(p, out, stats, stream);
}

}  // namespace

int64_t flash1_workspace(const AttentionGpuParams& p) {
  return int64_t{p.q_tokens} * p.heads * (int64_t{p.dv} + 2) * 4;
}

const char* launch_flash1(const AttentionGpuParams& p, void* workspace, gpuStream_t stream) {
  float2* stats = static_cast<float2*>(workspace);
  float* out = reinterpret_cast<float*>(stats + int64_t{p.q_tokens} * p.heads);
  return p.in == GpuReal::bf16 ? launch_type<gpu_bf16>(p, out, stats, stream)
                               : launch_type<gpu_f16>(p, out, stats, stream);
}

#ifdef RIDGE_KERNEL_SYMBOL
namespace {

const char* accepts(const void* args) {
  return gpu_call::accepts_tiles(*static_cast<const AttentionArgs*>(args));
}

int64_t workspace(const void* args, int) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(args);
  return gpu_call::tile_bytes(a) + flash1_workspace(gpu_call::shapes(a));
}

void run(const void* args, const Exec& exec) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(args);
  const AttentionGpuParams p = gpu_call::in_tiles(a, exec);
  launch_flash1(p, static_cast<char*>(exec.workspace) + gpu_call::tile_bytes(a),
                static_cast<gpuStream_t>(exec.stream));
}

void refine(const void* args, Cost& cost) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(args);
  const AttentionGpuParams p = gpu_call::shapes(a);
  int64_t queries = 0, keys = 0;
  for (int64_t s = 0; s < a.segment_count; ++s) queries += a.segments[s].q_len, keys += a.segments[s].kv_len;
  // Pairs of a query and a tile of keys that its 16 rows see.
  const int64_t meetings = gpu_call::loaded_keys(a, 16, kKeys) / kKeys * 16 + queries;
  cost.state = keys * p.heads * (p.d + p.dv) * 2;
  cost.read = cost.state + meetings * p.heads * (p.d * 2 + (p.dv + 2) * 4) + gpu_call::rounding_bytes(a);
  cost.written =
      meetings * p.heads * (p.dv + 2) * 4 + queries * p.heads * p.dv * (p.out == GpuReal::f32 ? 4 : 2);
  cost.rate = Rate::bf16;
}

}  // namespace

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"attention",
                                 "flash1",
                                 DeviceKind::gpu,
                                 GpuFeature::cuda | GpuFeature::sm80,
                                 10,
                                 Rounding::bf16_activation,
                                 accepts,
                                 workspace,
                                 run,
                                 refine,
                                 "Dao et al. 2022 (FlashAttention), algorithm 1"};
}  // namespace tables
#endif

}  // namespace ridge
