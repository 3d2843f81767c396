// Flash-decoding (Dao, Haziza, Massa, Sizov 2023, "Flash-Decoding for long-context inference"): attention of
// few queries to many keys, bound by reading the keys and values once.
//
// The keys of a sequence are split over blocks of threads, and again over the warps of a block. The queries
// of all heads that share a KV head are rows of one 16-row tile (Ainslie et al. 2023), so keys are read once
// a group. Every warp streams its own keys through its own stages of shared memory and never waits for
// another. Each part r leaves m_r, l_r and o_r (unscaled); they are combined with m = max m_r:
//   l = sum_r e^(m_r - m) l_r,   o = sum_r e^(m_r - m) o_r / l,   lse = m + log l.
// Bytes moved: k and v once a group, and (dv + 2) floats a query, head and split twice.
#include "ops/attention/flash_decoding.cuh"
#include "ops/attention/gpu_call.cuh"

namespace ridge {
namespace {

using namespace tile;

constexpr int kWarps = 4, kThreads = 32 * kWarps, kRows = 16, kKeys = 16;

template <int kDim_, int kStages_, int kBlocks_>
struct Shape {
  static constexpr int kDim = kDim_, kStages = kStages_, kBlocks = kBlocks_;
  static constexpr int kTileBytes = kKeys * kDim * 2;          // of k or v
  static constexpr int kWarpBytes = kStages * 2 * kTileBytes;  // at least the 16 rows of floats at the end
  static constexpr int kShared = kWarps * kWarpBytes;
  static_assert(kWarpBytes >= kRows * (kDim + 4) * 4);
};

// Where the parts of a query lie: floats o[dv], then m and l in arrays of their own.
struct Parts {
  float* o;           // [splits][q_tokens][heads][dv]
  float2* stat;       // [splits][q_tokens][heads]: m in powers of two, l
  int splits, tiles;  // tiles of 16 keys a split
};

template <typename T>
__device__ __forceinline__ void write_output(const AttentionGpuParams& p, int64_t at, float x) {
  if (p.out == GpuReal::f32)
    static_cast<float*>(p.o)[at] = x;
  else
    static_cast<T*>(p.o)[at] = static_cast<T>(x);
}

template <typename T, typename S, bool kBias>
__global__ void __launch_bounds__(kThreads, S::kBlocks)
    decoding_kernel(const AttentionGpuParams p, const PagedKeys pages, const Parts parts) {
  constexpr int kD = S::kDim;
  extern __shared__ __align__(1024) char shared[];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int group = p.heads / p.kv_heads, row_tiles = (p.max_q_len * group + kRows - 1) / kRows;
  int rest = blockIdx.x;
  const int split = rest % parts.splits;
  rest /= parts.splits;
  const int kv_head = rest % p.kv_heads;
  rest /= p.kv_heads;
  const int row0 = rest % row_tiles * kRows, segment = rest / row_tiles;
  const AttentionSegment g = p.segments[segment];
  const int q_len = static_cast<int>(g.q_len), kv_len = static_cast<int>(g.kv_len), shift = kv_len - q_len;
  if (row0 >= q_len * group) return;
  const int rows = min(kRows, q_len * group - row0);
  const int position0 = row0 / group + shift, position1 = (row0 + rows - 1) / group + shift;
  const KeyRange seen = visible_keys(p.causal, p.window, kv_len, position0, position1);
  const int first = seen.first / kKeys + split * parts.tiles;
  const int end = min(first + parts.tiles, (seen.end + kKeys - 1) / kKeys);
  if (split > 0 && first >= end) return;  // the combination knows; the first split always leaves a part

  const T* k = static_cast<const T*>(p.k) + kv_head * p.k_head;
  const T* v = static_cast<const T*>(p.v) + kv_head * p.v_head;
  if (!pages.table) k += g.kv_begin * p.k_token, v += g.kv_begin * p.v_token;
  const uint32_t stages_at = shared_address(shared) + warp * S::kWarpBytes;

  auto copy_keys = [&](int n, int stage) {
    if (n < end) {
      const int key = n * kKeys;
      const T *from_k = k, *from_v = v;
      if (pages.table) {
        const int64_t page = pages.table[segment * pages.table_row + key / pages.page];
        from_k += page * pages.k_page + key % pages.page * p.k_token;
        from_v += page * pages.v_page + key % pages.page * p.v_token;
      } else {
        from_k += key * p.k_token;
        from_v += key * p.v_token;
      }
      const uint32_t to = stages_at + stage * 2 * S::kTileBytes;
      copy_tile<kKeys, kD, 32>(to, from_k, p.k_token, kv_len - key, p.d, lane);
      copy_tile<kKeys, kD, 32>(to + S::kTileBytes, from_v, p.v_token, kv_len - key, p.dv, lane);
    }
    copies_commit();
  };
  int ahead = first + warp, stage_ahead = 0;
#pragma unroll
  for (int i = 0; i < S::kStages - 1; ++i, ahead += kWarps) copy_keys(ahead, stage_ahead++);

  // Row r of the tile is query (row0 + r) / group of the segment, head (row0 + r) % group of the group.
  uint32_t q[kD / 16][4];
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int row = row0 + lane / 4 + h * 8;
    const bool there = row < q_len * group;
    const T* from = static_cast<const T*>(p.q) + (g.q_begin + (there ? row / group : 0)) * p.q_token +
                    (kv_head * group + (there ? row % group : 0)) * p.q_head + lane % 4 * 2;
#pragma unroll
    for (int c = 0; c < kD / 8; ++c)
      q[c / 2][c % 2 * 2 + h] = there && c * 8 < p.d ? *reinterpret_cast<const uint32_t*>(from + c * 8) : 0u;
  }

  float o[kD / 8][4] = {};
  float most[2] = {-INFINITY, -INFINITY}, sum[2] = {};
  const float unit = kBias ? 1.0f : p.scale * kLog2e;
  float slope[2] = {};
  int position[2];
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int row = min(row0 + lane / 4 + h * 8, q_len * group - 1);
    position[h] = row / group + shift;
    if (kBias && p.slopes) slope[h] = p.slopes[kv_head * group + row % group];
  }
  // Every row sees the keys [all_from, all_to).
  const int all_from = visible_keys(p.causal, p.window, kv_len, position1).first;
  const int all_to = visible_keys(p.causal, p.window, kv_len, position0).end;
  const Walk<kD> k_walk(stages_at, lane % 8 + lane / 16 * 8, lane / 8 % 2);
  const Walk<kD> v_walk(stages_at + S::kTileBytes, lane % 16, lane / 16);

  int stage = 0;
  for (int n = first + warp; n < end; n += kWarps, ahead += kWarps) {
    copies_wait<S::kStages - 2>();
    __syncwarp();  // the tile is there, and the stage before it has been read
    copy_keys(ahead, stage_ahead);
    stage_ahead = stage_ahead + 1 == S::kStages ? 0 : stage_ahead + 1;
    const uint32_t stage_at = stage * 2 * S::kTileBytes;
    stage = stage + 1 == S::kStages ? 0 : stage + 1;

    float s[2][4] = {};
#pragma unroll
    for (int c = 0; c < kD / 16; ++c) {
      uint32_t b[4];
      load_matrices(b, k_walk.at(0, c) + stage_at);
      mma<T>(s[0], q[c], b[0], b[1]);
      mma<T>(s[1], q[c], b[2], b[3]);
    }
    const int key0 = n * kKeys + lane % 4 * 2;
    if constexpr (kBias) {
#pragma unroll
      for (int j = 0; j < 2; ++j)
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          float x = s[j][e] * p.scale;
          if (p.softcap > 0) x = cap(x, p.softcap);
          s[j][e] = (x + slope[e / 2] * static_cast<float>(key0 + j * 8 + e % 2 - position[e / 2])) * kLog2e;
        }
    }
    if (n * kKeys < all_from || n * kKeys + kKeys > all_to) {
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const KeyRange r = visible_keys(p.causal, p.window, kv_len, position[h]);
#pragma unroll
        for (int j = 0; j < 2; ++j)
#pragma unroll
          for (int e = 0; e < 2; ++e)
            if (key0 + j * 8 + e < r.first || key0 + j * 8 + e >= r.end) s[j][h * 2 + e] = -INFINITY;
      }
    }
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const float top = row_max(
          fmaxf(most[h], fmaxf(fmaxf(s[0][h * 2], s[0][h * 2 + 1]), fmaxf(s[1][h * 2], s[1][h * 2 + 1]))));
      const float base = top == -INFINITY ? 0.0f : top * unit;
      const float grown = exp2_fast(most[h] * unit - base);
      most[h] = top;
      float part = 0;
#pragma unroll
      for (int j = 0; j < 2; ++j)
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          s[j][h * 2 + e] = exp2_fast(s[j][h * 2 + e] * unit - base);
          part += s[j][h * 2 + e];
        }
      sum[h] = sum[h] * grown + part;
#pragma unroll
      for (int j = 0; j < kD / 8; ++j) o[j][h * 2] *= grown, o[j][h * 2 + 1] *= grown;
    }
    const uint32_t a[4] = {pack<T>(s[0][0], s[0][1]), pack<T>(s[0][2], s[0][3]), pack<T>(s[1][0], s[1][1]),
                           pack<T>(s[1][2], s[1][3])};
#pragma unroll
    for (int j = 0; j < kD / 16; ++j) {
      uint32_t b[4];
      load_matrices_transposed(b, v_walk.at(0, j) + stage_at);
      mma<T>(o[2 * j], a, b[0], b[1]);
      mma<T>(o[2 * j + 1], a, b[2], b[3]);
    }
  }

  // The warps' parts meet in shared memory: m, l and o of 16 rows each, where the warp's own stages were.
  copies_wait<0>();
  __syncwarp();
  float* const mine = reinterpret_cast<float*>(shared + warp * S::kWarpBytes);
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int row = lane / 4 + h * 8;
    const float total = row_sum(sum[h]);
    float* const to = mine + row * (kD + 4);
    if (lane % 4 == 0) to[kD] = most[h] == -INFINITY ? -INFINITY : most[h] * unit, to[kD + 1] = total;
#pragma unroll
    for (int j = 0; j < kD / 8; ++j)
      *reinterpret_cast<float2*>(to + j * 8 + lane % 4 * 2) = make_float2(o[j][h * 2], o[j][h * 2 + 1]);
  }
  __syncthreads();
  for (int i = threadIdx.x; i < rows * kD; i += kThreads) {
    const int r = i / kD, c = i % kD;
    if (c >= p.dv) continue;
    float m = -INFINITY, l = 0, x = 0;
    for (int w = 0; w < kWarps; ++w)
      m = fmaxf(m, reinterpret_cast<const float*>(shared + w * S::kWarpBytes)[r * (kD + 4) + kD]);
    for (int w = 0; w < kWarps; ++w) {
      const float* from = reinterpret_cast<const float*>(shared + w * S::kWarpBytes) + r * (kD + 4);
      const float f = m == -INFINITY ? 0.0f : exp2_fast(from[kD] - m);
      l += f * from[kD + 1];
      x += f * from[c];
    }
    const int64_t token = g.q_begin + (row0 + r) / group;
    const int head = kv_head * group + (row0 + r) % group;
    if (parts.splits == 1) {
      write_output<T>(p, token * p.o_token + head * p.o_head + c, l > 0 ? x / l : 0.0f);
      if (c == 0 && p.lse)
        p.lse[head * static_cast<int64_t>(p.q_tokens) + token] = l > 0 ? m * kLn2 + logf(l) : -INFINITY;
    } else {
      const int64_t at = (static_cast<int64_t>(split) * p.q_tokens + token) * p.heads + head;
      parts.o[at * p.dv + c] = x;
      if (c == 0) parts.stat[at] = make_float2(m, l);
    }
  }
}

// One block a query and head.
template <typename T>
__global__ void combine_kernel(const AttentionGpuParams p, const Parts parts) {
  const int head = blockIdx.x % p.heads, i = blockIdx.x / p.heads % p.max_q_len;
  const AttentionSegment g = p.segments[blockIdx.x / p.heads / p.max_q_len];
  if (i >= g.q_len) return;
  // The split that a part belongs to is counted from the first key that its tile of rows sees.
  const int group = p.heads / p.kv_heads, row0 = (i * group + head % group) / kRows * kRows;
  const int rows = min(kRows, static_cast<int>(g.q_len) * group - row0), kv_len = static_cast<int>(g.kv_len);
  const int shift = kv_len - static_cast<int>(g.q_len);
  const KeyRange seen =
      visible_keys(p.causal, p.window, kv_len, row0 / group + shift, (row0 + rows - 1) / group + shift);
  const int tiles = (seen.end + kKeys - 1) / kKeys - seen.first / kKeys;
  const int splits = max(1, min(parts.splits, (tiles + parts.tiles - 1) / parts.tiles));
  const int64_t token = g.q_begin + i, step = static_cast<int64_t>(p.q_tokens) * p.heads;
  const int64_t at = token * p.heads + head;
  float m = -INFINITY, l = 0;
  for (int s = 0; s < splits; ++s) m = fmaxf(m, parts.stat[at + s * step].x);
  const float base = m == -INFINITY ? 0.0f : m;
  for (int s = 0; s < splits; ++s) {
    const float2 stat = parts.stat[at + s * step];
    l += exp2_fast(stat.x - base) * stat.y;
  }
  for (int c = threadIdx.x; c < p.dv; c += blockDim.x) {
    float x = 0;
    for (int s = 0; s < splits; ++s)
      x += exp2_fast(parts.stat[at + s * step].x - base) * parts.o[(at + s * step) * p.dv + c];
    write_output<T>(p, token * p.o_token + head * p.o_head + c, l > 0 ? x / l : 0.0f);
  }
  if (threadIdx.x == 0 && p.lse)
    p.lse[head * static_cast<int64_t>(p.q_tokens) + token] = l > 0 ? m * kLn2 + logf(l) : -INFINITY;
}

int64_t row_tiles_of(const AttentionGpuParams& p) {
  return (static_cast<int64_t>(p.max_q_len) * (p.heads / p.kv_heads) + kRows - 1) / kRows;
}

// Tiles of keys that a block may have to walk over.
int64_t most_tiles(const AttentionGpuParams& p) {
  int64_t keys = p.max_kv_len;
  if (p.window > 0) {
    const int64_t span = (p.causal ? p.window : 2 * int64_t{p.window}) + p.max_q_len + kKeys;
    keys = keys < span ? keys : span;
  }
  return (keys + kKeys - 1) / kKeys;
}

template <typename T, typename S>
const char* launch_shape(const AttentionGpuParams& p, const PagedKeys& pages, const Parts& parts,
                         gpuStream_t stream) {
  const bool bias = p.softcap > 0 || p.slopes || !(p.scale > 0);
  auto* const kernel = bias ? decoding_kernel<T, S, true> : decoding_kernel<T, S, false>;
  if (gpuFuncSetAttribute(reinterpret_cast<const void*>(kernel), gpuFuncAttributeMaxDynamicSharedMemorySize,
                          S::kShared) != 0)
    return "the device has too little shared memory for this head dimension";
  const int64_t blocks = row_tiles_of(p) * p.segment_count * p.kv_heads * parts.splits;
  if (blocks <= 0) return nullptr;
  kernel<<<static_cast<uint32_t>(blocks), kThreads, S::kShared, stream>>>(p, pages, parts);
  if (parts.splits > 1) {
    const int64_t queries = static_cast<int64_t>(p.heads) * p.max_q_len * p.segment_count;
    combine_kernel<T><<<static_cast<uint32_t>(queries), 64, 0, stream>>>(p, parts);
  }
  return nullptr;
}

template <typename T>
const char* launch_type(const AttentionGpuParams& p, const PagedKeys& pages, const Parts& parts,
                        gpuStream_t stream) {
  const int d = p.d > p.dv ? p.d : p.dv;
  if (d <= 64) return launch_shape<T, Shape<64, 6, 2>>(p, pages, parts, stream);
  if (d <= 128) return launch_shape<T, Shape<128, 3, 2>>(p, pages, parts, stream);
  return launch_shape<T, Shape<256, 3, 1>>(p, pages, parts, stream);
}

}  // namespace

// As many blocks as multiprocessors keep the memory busy; more of them only leave more parts to combine. A
// split has at least 256 keys.
int decoding_splits(const AttentionGpuParams& p, int multiprocessors) {
  const int64_t units = row_tiles_of(p) * p.segment_count * p.kv_heads;
  const int64_t wanted = units > 0 ? multiprocessors / units : 1, most = most_tiles(p) * kKeys / 256;
  const int64_t splits = wanted < most ? wanted : most;
  return splits > 1 ? static_cast<int>(splits) : 1;
}

int64_t decoding_workspace(const AttentionGpuParams& p, int splits) {
  if (splits <= 1) return 0;
  return (int64_t{splits} * p.q_tokens * p.heads) * (int64_t{p.dv} + 2) * 4;
}

const char* launch_flash_decoding(const AttentionGpuParams& p, const PagedKeys& pages, int splits,
                                  void* workspace, gpuStream_t stream) {
  Parts parts{};
  parts.splits = splits < 1 ? 1 : splits;
  parts.tiles = static_cast<int>((most_tiles(p) + parts.splits - 1) / parts.splits);
  parts.stat = static_cast<float2*>(workspace);
  parts.o = reinterpret_cast<float*>(parts.stat + int64_t{parts.splits} * p.q_tokens * p.heads);
  return p.in == GpuReal::bf16 ? launch_type<gpu_bf16>(p, pages, parts, stream)
                               : launch_type<gpu_f16>(p, pages, parts, stream);
}

#ifdef RIDGE_KERNEL_SYMBOL
namespace {

constexpr int64_t kMostRows = 64;  // queries x heads of a group: beyond that it is a prompt

int multiprocessors() {
  static const int count = [] {
    int device = 0, n = 0;
    if (gpuGetDevice(&device) != gpuSuccess ||
        RIDGE_GPU_NAME(cudaDeviceGetAttribute(&n, cudaDevAttrMultiProcessorCount, device),
                       hipDeviceGetAttribute(&n, hipDeviceAttributeMultiprocessorCount, device)) !=
            gpuSuccess)
      n = 132;
    return n;
  }();
  return count;
}

const char* accepts(const void* p) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(p);
  if (const char* why = gpu_call::accepts_tiles(a)) return why;
  const AttentionGpuParams s = gpu_call::shapes(a);
  return int64_t{s.max_q_len} * (s.heads / s.kv_heads) > kMostRows ? "a segment has too many queries"
                                                                   : nullptr;
}

int64_t workspace(const void* args, int) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(args);
  const AttentionGpuParams p = gpu_call::shapes(a);
  return gpu_call::tile_bytes(a) + decoding_workspace(p, decoding_splits(p, multiprocessors()));
}

void run(const void* args, const Exec& exec) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(args);
  const AttentionGpuParams p = gpu_call::in_tiles(a, exec);
  launch_flash_decoding(p, PagedKeys{}, decoding_splits(p, multiprocessors()),
                        static_cast<char*>(exec.workspace) + gpu_call::tile_bytes(a),
                        static_cast<gpuStream_t>(exec.stream));
}

void refine(const void* args, Cost& cost) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(args);
  const AttentionGpuParams p = gpu_call::shapes(a);
  const int splits = decoding_splits(p, multiprocessors());
  int64_t queries = 0;
  for (int64_t s = 0; s < a.segment_count; ++s) queries += a.segments[s].q_len;
  const int64_t tile = kRows / (p.heads / p.kv_heads) > 0 ? kRows / (p.heads / p.kv_heads) : 1;
  cost.state = gpu_call::loaded_keys(a, tile, kKeys) * p.kv_heads * (p.d + p.dv) * 2;
  cost.read = cost.state + queries * p.heads * p.d * 2 + gpu_call::rounding_bytes(a);
  cost.written = queries * p.heads * p.dv * (p.out == GpuReal::f32 ? 4 : 2);
  if (splits > 1) {
    cost.read += splits * queries * p.heads * (p.dv + 2) * 4;
    cost.written += splits * queries * p.heads * (p.dv + 2) * 4;
  }
  cost.rate = Rate::bf16;
}

}  // namespace

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{
    "attention",
    "flash_decoding",
    DeviceKind::gpu,
    GpuFeature::cuda | GpuFeature::sm80,
    30,
    Rounding::bf16_activation,
    accepts,
    workspace,
    run,
    refine,
    "Dao, Haziza, Massa and Sizov 2023 (Flash-Decoding); Ainslie et al. 2023 (GQA)"};
}  // namespace tables
#endif

}  // namespace ridge
