// FlashAttention-2, forward (Dao 2023, arXiv:2307.08691, algorithm 1).
//
// One block of threads owns a tile of queries of one head and walks over the tiles of keys; the grid also
// runs along the sequence. Warps split the queries, so that no warp needs another's scores. The output stays
// unscaled in registers, is corrected when a row's maximum grows, and divided by its sum once, at the end:
//   s = scale q k^T,  m' = max(m, max_j s),  p = exp(s - m'),  l = e^(m - m') l + sum_j p,
//   o = e^(m - m') o + p v;     finally o / l, and lse = m + log l.
// Tiles of keys that none of the queries sees are never loaded; masks are evaluated in tiles that a mask
// cuts. Bytes moved: q and o once; k and v once a tile of queries: Theta(N^2 d / B) with B rows a tile, which
// is Theta(N^2 d^2 / M) for a tile that fills a fast memory of M = Theta(B d).
#include "ops/attention/flash2.cuh"
#include "ops/attention/gpu_call.cuh"

namespace ridge {
namespace {

using namespace tile;

// kDim columns (d and dv padded), kWarps warps of 16 kRowTiles queries, kKeys keys a step, kBlocks blocks on
// a multiprocessor. The first 16 kKept columns of the queries stay in registers, the others in shared memory.
template <int kDim_, int kRowTiles_, int kWarps_, int kKeys_, int kBlocks_, int kKept_>
struct Shape {
  static constexpr int kDim = kDim_, kRowTiles = kRowTiles_, kWarps = kWarps_, kKeys = kKeys_,
                       kBlocks = kBlocks_, kKept = kKept_;
  static constexpr int kRows = 16 * kRowTiles * kWarps, kThreads = 32 * kWarps;
  static constexpr int kQBytes = kRows * kDim * 2, kTileBytes = kKeys * kDim * 2;
  static constexpr int kShared = kQBytes + 4 * kTileBytes;  // q, and two stages of k and v
};

template <typename T, typename S, bool kBias>
__global__ void __launch_bounds__(S::kThreads, S::kBlocks) flash2_kernel(const AttentionGpuParams p) {
  constexpr int kD = S::kDim, kM = S::kRowTiles, kN = S::kKeys / 8;
  extern __shared__ __align__(1024) char shared[];
  const int thread = threadIdx.x, warp = thread / 32, lane = thread % 32;

  // The longest tiles of a causal head start first.
  const int tiles = (p.max_q_len + S::kRows - 1) / S::kRows;
  const int row0 = (tiles - 1 - static_cast<int>(blockIdx.x % tiles)) * S::kRows;
  const int head = blockIdx.x / tiles % p.heads;
  const AttentionSegment g = p.segments[blockIdx.x / tiles / p.heads];
  const int q_len = static_cast<int>(g.q_len), kv_len = static_cast<int>(g.kv_len);
  if (row0 >= q_len) return;
  const int rows = min(S::kRows, q_len - row0), shift = kv_len - q_len;
  const KeyRange seen = visible_keys(p.causal, p.window, kv_len, row0 + shift, row0 + rows - 1 + shift);
  const int first_tile = seen.first / S::kKeys;
  int n = seen.end > seen.first ? (seen.end - 1) / S::kKeys : first_tile - 1;

  const int kv_head = head / (p.heads / p.kv_heads);
  const T* q = static_cast<const T*>(p.q) + (g.q_begin + row0) * p.q_token + head * p.q_head;
  const T* k = static_cast<const T*>(p.k) + g.kv_begin * p.k_token + kv_head * p.k_head;
  const T* v = static_cast<const T*>(p.v) + g.kv_begin * p.v_token + kv_head * p.v_head;
  const uint32_t q_at = shared_address(shared), kv_at = q_at + S::kQBytes;

  const bool whole = p.d == kD && p.dv == kD;
  auto copy_keys = [&](int tile, int stage) {
    const int64_t at = static_cast<int64_t>(tile) * S::kKeys;
    const uint32_t to = kv_at + stage * 2 * S::kTileBytes;
    if (whole && at + S::kKeys <= kv_len) {
      copy_tile<S::kKeys, kD, S::kThreads, false>(to, k + at * p.k_token, p.k_token, 0, 0, thread);
      copy_tile<S::kKeys, kD, S::kThreads, false>(to + S::kTileBytes, v + at * p.v_token, p.v_token, 0, 0,
                                                  thread);
      return;
    }
    copy_tile<S::kKeys, kD, S::kThreads>(to, k + at * p.k_token, p.k_token, kv_len - static_cast<int>(at),
                                         p.d, thread);
    copy_tile<S::kKeys, kD, S::kThreads>(to + S::kTileBytes, v + at * p.v_token, p.v_token,
                                         kv_len - static_cast<int>(at), p.dv, thread);
  };

  copy_tile<S::kRows, kD, S::kThreads>(q_at, q, p.q_token, rows, p.d, thread);
  if (n >= first_tile) copy_keys(n, 0);
  copies_commit();

  float o[kM][kD / 8][4] = {};
  float most[kM][2],
      sum[kM][2] = {};  // of rows lane / 4 and lane / 4 + 8 of each 16; sums of this lane's keys
#pragma unroll
  for (int i = 0; i < kM; ++i) most[i][0] = most[i][1] = -INFINITY;
  // A score times `unit` is in powers of two; with a bias scores are brought to powers of two themselves.
  const float unit = kBias ? 1.0f : p.scale * kLog2e;
  const float slope = kBias && p.slopes ? p.slopes[head] : 0.0f;
  const int my_row = row0 + warp * 16 * kM + lane / 4;

  const Walk<kD> q_walk(q_at, warp * 16 * kM + lane % 16, lane / 16);
  const Walk<kD> k_walk(kv_at, lane % 8 + lane / 16 * 8, lane / 8 % 2);
  const Walk<kD> v_walk(kv_at + S::kTileBytes, lane % 16, lane / 16);
  uint32_t kept[kM][S::kKept > 0 ? S::kKept : 1][4];
  if constexpr (S::kKept > 0) {
    copies_wait<0>();
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kM; ++i)
#pragma unroll
      for (int c = 0; c < S::kKept; ++c) load_matrices(kept[i][c], q_walk.at(i, c));
  }

  for (int stage = 0; n >= first_tile; --n, stage ^= 1) {
    copies_wait<0>();
    __syncthreads();  // the tile is there, and the other stage has been read
    if (n > first_tile) copy_keys(n - 1, stage ^ 1);
    copies_commit();
    const uint32_t stage_at = stage * 2 * S::kTileBytes;

    float s[kM][kN][4] = {};
    uint32_t b[2][4];  // the right operand of this step, and the next one on its way
    load_matrices(b[0], k_walk.at(0, 0) + stage_at);
#pragma unroll
    for (int c = 0; c < kD / 16; ++c) {
      uint32_t a[kM][4];
#pragma unroll
      for (int i = 0; i < kM; ++i) {
        if (c < S::kKept) {
#pragma unroll
          for (int e = 0; e < 4; ++e) a[i][e] = kept[i][c < S::kKept ? c : 0][e];
        } else {
          load_matrices(a[i], q_walk.at(i, c));
        }
      }
#pragma unroll
      for (int j = 0; j < kN / 2; ++j) {
        constexpr int kLast = kD / 16 * (kN / 2) - 1;
        const int t = c * (kN / 2) + j;
        if (t < kLast)
          load_matrices(b[(t + 1) & 1], k_walk.at((t + 1) % (kN / 2), (t + 1) / (kN / 2)) + stage_at);
        const uint32_t(&now)[4] = b[t & 1];
#pragma unroll
        for (int i = 0; i < kM; ++i) {
          mma<T>(s[i][2 * j], a[i], now[0], now[1]);
          mma<T>(s[i][2 * j + 1], a[i], now[2], now[3]);
        }
      }
    }

    const int key0 = n * S::kKeys;
    if constexpr (kBias) {
#pragma unroll
      for (int i = 0; i < kM; ++i)
#pragma unroll
        for (int j = 0; j < kN; ++j)
#pragma unroll
          for (int e = 0; e < 4; ++e) {
            float x = s[i][j][e] * p.scale;
            if (p.softcap > 0) x = cap(x, p.softcap);
            const int key = key0 + j * 8 + lane % 4 * 2 + e % 2, at = my_row + i * 16 + e / 2 * 8 + shift;
            s[i][j][e] = (x + slope * static_cast<float>(key - at)) * kLog2e;
          }
    }
    // The ranges of the first and the last row bound those of all: does one of them cut this tile?
    if (visible_keys(p.causal, p.window, kv_len, row0 + shift).end < key0 + S::kKeys ||
        visible_keys(p.causal, p.window, kv_len, row0 + rows - 1 + shift).first > key0) {
#pragma unroll
      for (int i = 0; i < kM; ++i)
#pragma unroll
        for (int h = 0; h < 2; ++h) {
          const KeyRange r = visible_keys(p.causal, p.window, kv_len, my_row + i * 16 + h * 8 + shift);
          const int from = r.first - key0 - lane % 4 * 2, to = r.end - key0 - lane % 4 * 2;
#pragma unroll
          for (int j = 0; j < kN; ++j)
#pragma unroll
            for (int e = 0; e < 2; ++e)
              if (j * 8 + e < from || j * 8 + e >= to) s[i][j][h * 2 + e] = -INFINITY;
        }
    }

#pragma unroll
    for (int i = 0; i < kM; ++i)
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        float top = most[i][h];
#pragma unroll
        for (int j = 0; j < kN; ++j) top = fmaxf(top, fmaxf(s[i][j][h * 2], s[i][j][h * 2 + 1]));
        top = row_max(top);
        const float base = top == -INFINITY ? 0.0f : top * unit;  // a row that has seen nothing stays at zero
        const float grown = exp2_fast(most[i][h] * unit - base);
        most[i][h] = top;
        float part = 0;
#pragma unroll
        for (int j = 0; j < kN; ++j)
#pragma unroll
          for (int e = 0; e < 2; ++e) {
            const float w = exp2_fast(s[i][j][h * 2 + e] * unit - base);
            s[i][j][h * 2 + e] = w;
            part += w;
          }
        sum[i][h] = sum[i][h] * grown + part;
#pragma unroll
        for (int j = 0; j < kD / 8; ++j) o[i][j][h * 2] *= grown, o[i][j][h * 2 + 1] *= grown;
      }

    load_matrices_transposed(b[0], v_walk.at(0, 0) + stage_at);
#pragma unroll
    for (int c = 0; c < S::kKeys / 16; ++c) {
      uint32_t a[kM][4];
#pragma unroll
      for (int i = 0; i < kM; ++i) {
        a[i][0] = pack<T>(s[i][2 * c][0], s[i][2 * c][1]);
        a[i][1] = pack<T>(s[i][2 * c][2], s[i][2 * c][3]);
        a[i][2] = pack<T>(s[i][2 * c + 1][0], s[i][2 * c + 1][1]);
        a[i][3] = pack<T>(s[i][2 * c + 1][2], s[i][2 * c + 1][3]);
      }
#pragma unroll
      for (int j = 0; j < kD / 16; ++j) {
        constexpr int kLast = S::kKeys / 16 * (kD / 16) - 1;
        const int t = c * (kD / 16) + j;
        if (t < kLast)
          load_matrices_transposed(b[(t + 1) & 1],
                                   v_walk.at((t + 1) / (kD / 16), (t + 1) % (kD / 16)) + stage_at);
        const uint32_t(&now)[4] = b[t & 1];
#pragma unroll
        for (int i = 0; i < kM; ++i) {
          mma<T>(o[i][2 * j], a[i], now[0], now[1]);
          mma<T>(o[i][2 * j + 1], a[i], now[2], now[3]);
        }
      }
    }
  }
  copies_wait<0>();

#pragma unroll
  for (int i = 0; i < kM; ++i)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const float total = row_sum(sum[i][h]);
      const float factor = total > 0 ? 1 / total : 0.0f;
      const int row = my_row + i * 16 + h * 8;
      if (row >= q_len) continue;
      if (p.lse && lane % 4 == 0)
        p.lse[static_cast<int64_t>(head) * p.q_tokens + g.q_begin + row] =
            total > 0 ? most[i][h] * unit * kLn2 + logf(total) : -INFINITY;
      const int64_t at = (g.q_begin + row) * p.o_token + head * p.o_head + lane % 4 * 2;
#pragma unroll
      for (int j = 0; j < kD / 8; ++j) {
        if (j * 8 >= p.dv) break;
        const float x = o[i][j][h * 2] * factor, y = o[i][j][h * 2 + 1] * factor;
        if (p.out == GpuReal::f32)
          *reinterpret_cast<float2*>(static_cast<float*>(p.o) + at + j * 8) = make_float2(x, y);
        else
          *reinterpret_cast<uint32_t*>(static_cast<T*>(p.o) + at + j * 8) = pack<T>(x, y);
      }
    }
}

template <typename T, typename S>
const char* launch_shape(const AttentionGpuParams& p, gpuStream_t stream) {
  const bool bias = p.softcap > 0 || p.slopes || !(p.scale > 0);
  auto* const kernel = bias ? flash2_kernel<T, S, true> : flash2_kernel<T, S, false>;
  if (gpuFuncSetAttribute(reinterpret_cast<const void*>(kernel), gpuFuncAttributeMaxDynamicSharedMemorySize,
                          S::kShared) != 0)
    return "the device has too little shared memory for this head dimension";
  const int64_t tiles = (p.max_q_len + S::kRows - 1) / S::kRows;
  const int64_t blocks = tiles * p.heads * p.segment_count;
  if (blocks > 0) kernel<<<static_cast<uint32_t>(blocks), S::kThreads, S::kShared, stream>>>(p);
  return nullptr;
}

// f(shape) of the head dimension's shape.
template <typename F>
auto with_shape(const AttentionGpuParams& p, F&& f) {
  const int d = p.d > p.dv ? p.d : p.dv;
  if (d <= 32) return f(Shape<32, 2, 4, 64, 3, 2>());
  if (d <= 64) return f(Shape<64, 2, 4, 64, 2, 4>());
  if (d <= 96) return f(Shape<96, 2, 4, 64, 2, 0>());
  if (d <= 128) return f(Shape<128, 2, 4, 64, 2, 0>());
  if (d <= 192) return f(Shape<192, 1, 8, 64, 1, 0>());
  return f(Shape<256, 1, 8, 64, 1, 8>());
}

template <typename T>
const char* launch_type(const AttentionGpuParams& p, gpuStream_t stream) {
  return with_shape(p, [&](auto s) { return launch_shape<T, decltype(s)>(p, stream); });
}

}  // namespace

const char* launch_flash2(const AttentionGpuParams& p, gpuStream_t stream) {
  return p.in == GpuReal::bf16 ? launch_type<gpu_bf16>(p, stream) : launch_type<gpu_f16>(p, stream);
}

#ifdef RIDGE_KERNEL_SYMBOL
namespace {

// Shared memory of one block on the device that is current; without a device, what Hopper has.
int shared_limit() {
  static const int limit = [] {
    int device = 0, bytes = 0;
    if (gpuGetDevice(&device) != gpuSuccess ||
        RIDGE_GPU_NAME(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
                       hipDeviceGetAttribute(&bytes, hipDeviceAttributeMaxSharedMemoryPerBlock, device)) !=
            gpuSuccess)
      bytes = 227 * 1024;
    return bytes;
  }();
  return limit;
}

const char* accepts(const void* p) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(p);
  if (const char* why = gpu_call::accepts_tiles(a)) return why;
  const AttentionGpuParams shapes = gpu_call::shapes(a);
  return with_shape(shapes, [](auto s) { return decltype(s)::kShared; }) > shared_limit()
             ? "the device has too little shared memory for this head dimension"
             : nullptr;
}

int64_t workspace(const void* p, int) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(p);
  return gpu_call::tile_bytes(a);
}

void run(const void* args, const Exec& exec) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(args);
  const AttentionGpuParams p = gpu_call::in_tiles(a, exec);
  launch_flash2(p, static_cast<gpuStream_t>(exec.stream));
}

void refine(const void* args, Cost& cost) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(args);
  const AttentionGpuParams p = gpu_call::shapes(a);
  const int64_t rows = with_shape(p, [](auto s) { return decltype(s)::kRows; });
  const int64_t step = with_shape(p, [](auto s) { return decltype(s)::kKeys; });
  int64_t queries = 0;
  for (int64_t s = 0; s < a.segment_count; ++s) queries += a.segments[s].q_len;
  cost.state = gpu_call::loaded_keys(a, rows, step) * p.heads * (p.d + p.dv) * 2;
  cost.read = cost.state + queries * p.heads * p.d * 2 + gpu_call::rounding_bytes(a);
  cost.written = queries * p.heads * p.dv * (p.out == GpuReal::f32 ? 4 : 2);
  cost.rate = Rate::bf16;
}

}  // namespace

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"attention",
                                 "flash2",
                                 DeviceKind::gpu,
                                 GpuFeature::cuda | GpuFeature::sm80,
                                 20,
                                 Rounding::bf16_activation,
                                 accepts,
                                 workspace,
                                 run,
                                 refine,
                                 "Dao 2023 (FlashAttention-2), algorithm 1"};
}  // namespace tables
#endif

}  // namespace ridge
