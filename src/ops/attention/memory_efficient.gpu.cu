// Memory-efficient attention (Rabe and Staats 2021, arXiv:2112.05682, section 3): queries in chunks, one
// after another; for each of them all chunks of keys leave a summary
//   m_c = max_j s_j,   l_c = sum_j e^(s_j - m_c),   o_c = sum_j e^(s_j - m_c) v_j,
// and the summaries are combined by m = max_c m_c. Both chunks have 128 rows, sqrt(n) at n = 16384: no matrix
// of scores exists, and the workspace grows with the number of keys, not with its square.
// Bytes moved: q, k, v once a pair of chunks of 64 queries and 128 keys; dv + 2 floats a query and chunk of
// keys, written and read: Theta(N^2 d / 128).
#include "ops/attention/gpu_call.cuh"
#include "ops/attention/scores.cuh"

namespace ridge {
namespace {

using namespace scores;

constexpr int kQueries = 128, kKeys = 128;

struct Summaries {  // of [segment][chunk of keys][query of the chunk][head]
  float* o;         // dv each
  float2* stat;     // m, l
  int chunks;       // of keys
};

__device__ __forceinline__ int64_t place(const AttentionGpuParams& p, const Summaries& s, int segment,
                                         int chunk, int query, int head) {
  return ((static_cast<int64_t>(segment) * s.chunks + chunk) * kQueries + query) * p.heads + head;
}

// Grid: query tiles of the chunk x chunks of keys x heads x segments.
template <typename T>
__global__ void __launch_bounds__(kThreads) summarize(const AttentionGpuParams p, int query0, Summaries to) {
  __shared__ float weight[kTile][kKeys + 1];
  int64_t rest = blockIdx.x;
  const int tile0 = static_cast<int>(rest % (kQueries / kTile)) * kTile;
  rest /= kQueries / kTile;
  const int chunk = static_cast<int>(rest % to.chunks);
  rest /= to.chunks;
  const int head = static_cast<int>(rest % p.heads), segment = static_cast<int>(rest / p.heads);
  const AttentionSegment g = p.segments[segment];
  const int q_len = static_cast<int>(g.q_len), kv_len = static_cast<int>(g.kv_len), shift = kv_len - q_len;
  const int row0 = query0 + tile0, key0 = chunk * kKeys;
  if (row0 >= q_len || key0 >= kv_len) return;
  const int kv_head = head / (p.heads / p.kv_heads), keys = min(kKeys, kv_len - key0);
  const T* q = static_cast<const T*>(p.q) + (g.q_begin + row0) * p.q_token + head * p.q_head;
  const T* k = static_cast<const T*>(p.k) + (g.kv_begin + key0) * p.k_token + kv_head * p.k_head;
  const T* v = static_cast<const T*>(p.v) + (g.kv_begin + key0) * p.v_token + kv_head * p.v_head;
  const int x = threadIdx.x % kSide, y = threadIdx.x / kSide;

  const int rows = min(kTile, q_len - row0);
  const KeyRange any = visible_keys(p.causal, p.window, kv_len, row0 + shift, row0 + rows - 1 + shift);
  if (any.end <= key0 || any.first >= key0 + kKeys) {  // nothing to see in this chunk
    for (int r = threadIdx.x; r < rows; r += kThreads)
      to.stat[place(p, to, segment, chunk, tile0 + r, head)] = make_float2(-INFINITY, 0);
    return;
  }
  for (int half = 0; half < kKeys; half += kTile) {
    float acc[4][4] = {};
    product(
        p.d, acc, [&](int r, int i) { return r < rows ? to_float(q[r * p.q_token + i]) : 0.0f; },
        Keys<T>{k + half * p.k_token, p.k_token, keys - half});
    for (int r = 0; r < 4; ++r) {
      const int position = row0 + 4 * y + r + shift;
      const KeyRange seen = visible_keys(p.causal, p.window, kv_len, position);
      for (int c = 0; c < 4; ++c) {
        const int key = key0 + half + 4 * x + c;
        weight[4 * y + r][half + 4 * x + c] = key >= seen.first && key < seen.end
                                                  ? biased(p, head, key, position, acc[r][c] * p.scale)
                                                  : -INFINITY;
      }
    }
  }
  __syncthreads();
  {  // four threads a row
    float* row = weight[threadIdx.x / 4];
    float m = -INFINITY, l = 0;
    for (int j = threadIdx.x % 4; j < kKeys; j += 4) m = fmaxf(m, row[j]);
    m = fmaxf(m, exchange(m, 1));
    m = fmaxf(m, exchange(m, 2));
    for (int j = threadIdx.x % 4; j < kKeys; j += 4) {
      row[j] = m == -INFINITY ? 0.0f : expf(row[j] - m);
      l += row[j];
    }
    l += exchange(l, 1);
    l += exchange(l, 2);
    const int r = threadIdx.x / 4;
    if (threadIdx.x % 4 == 0 && r < rows)
      to.stat[place(p, to, segment, chunk, tile0 + r, head)] = make_float2(m, l);
  }
  for (int column0 = 0; column0 < p.dv; column0 += kTile) {
    float acc[4][4] = {};
    product(
        keys, acc, [&](int r, int i) { return weight[r][i]; },
        Values<T>{v + column0, p.v_token, p.dv - column0});
    for (int r = 0; r < 4; ++r)
      for (int c = 0; c < 4; ++c)
        if (4 * y + r < rows && column0 + 4 * x + c < p.dv)
          to.o[place(p, to, segment, chunk, tile0 + 4 * y + r, head) * p.dv + column0 + 4 * x + c] =
              acc[r][c];
  }
}

// One block a query and head.
__global__ void combine(const AttentionGpuParams p, int query0, Summaries from) {
  const int head = blockIdx.x % p.heads, query = blockIdx.x / p.heads % kQueries;
  const int segment = blockIdx.x / p.heads / kQueries;
  const AttentionSegment g = p.segments[segment];
  if (query0 + query >= g.q_len) return;
  const int chunks = static_cast<int>((g.kv_len + kKeys - 1) / kKeys);
  float m = -INFINITY, l = 0;
  for (int c = 0; c < chunks; ++c) m = fmaxf(m, from.stat[place(p, from, segment, c, query, head)].x);
  for (int c = 0; c < chunks; ++c) {
    const float2 s = from.stat[place(p, from, segment, c, query, head)];
    if (s.x != -INFINITY) l += expf(s.x - m) * s.y;
  }
  const int64_t token = g.q_begin + query0 + query;
  for (int column = threadIdx.x; column < p.dv; column += blockDim.x) {
    float x = 0;
    for (int c = 0; c < chunks; ++c) {
      const int64_t at = place(p, from, segment, c, query, head);
      const float2 s = from.stat[at];
      if (s.x != -INFINITY) x += expf(s.x - m) * from.o[at * p.dv + column];
    }
    store_output(p, token * p.o_token + head * p.o_head + column, l > 0 ? x / l : 0.0f);
  }
  if (threadIdx.x == 0 && p.lse)
    p.lse[static_cast<int64_t>(head) * p.q_tokens + token] = l > 0 ? m + logf(l) : -INFINITY;
}

int64_t places(const AttentionGpuParams& p) {
  return int64_t{p.segment_count} * ((p.max_kv_len + kKeys - 1) / kKeys) * kQueries * p.heads;
}

template <typename T>
void launch_type(const AttentionGpuParams& p, const Summaries& s, gpuStream_t stream) {
  const int64_t units = int64_t{p.heads} * p.segment_count;
  for (int query0 = 0; query0 < p.max_q_len && units > 0; query0 += kQueries) {
    if (s.chunks > 0)
      summarize<T>
          <<<static_cast<uint32_t>(kQueries / kTile * s.chunks * units), kThreads, 0, stream>>>(p, query0, s);
    combine<<<static_cast<uint32_t>(kQueries * units), 64, 0, stream>>>(p, query0, s);
  }
}

}  // namespace

int64_t memory_efficient_workspace(const AttentionGpuParams& p) {
  return places(p) * (int64_t{p.dv} + 2) * 4;
}

void launch_memory_efficient(const AttentionGpuParams& p, void* workspace, gpuStream_t stream) {
  Summaries s{};
  s.stat = static_cast<float2*>(workspace);
  s.o = reinterpret_cast<float*>(s.stat + places(p));
  s.chunks = (p.max_kv_len + kKeys - 1) / kKeys;
  if (p.in == GpuReal::f32) return launch_type<float>(p, s, stream);
  p.in == GpuReal::bf16 ? launch_type<gpu_bf16>(p, s, stream) : launch_type<gpu_f16>(p, s, stream);
}

#ifdef RIDGE_KERNEL_SYMBOL
namespace {

const char* accepts(const void* p) { return gpu_call::accepts_any(*static_cast<const AttentionArgs*>(p)); }

// Operands of other types than the queries' are brought to f32 first: one type is what the products read.
int64_t widened_bytes(const AttentionArgs& a) { return gpu_call::same_type(a) ? 0 : gpu_call::wide_bytes(a); }

int64_t workspace(const void* p, int) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(p);
  return widened_bytes(a) + memory_efficient_workspace(gpu_call::shapes(a));
}

void run(const void* args, const Exec& exec) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(args);
  const AttentionGpuParams p = gpu_call::in_one_type(a, exec);
  launch_memory_efficient(p, static_cast<char*>(exec.workspace) + widened_bytes(a),
                          static_cast<gpuStream_t>(exec.stream));
}

void refine(const void* args, Cost& cost) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(args);
  int64_t tiles = 0, parts = 0;  // pairs of 64 queries and a chunk of keys; summaries, for one head
  for (int64_t s = 0; s < a.segment_count; ++s) {
    const int64_t chunks = (a.segments[s].kv_len + kKeys - 1) / kKeys;
    tiles += (a.segments[s].q_len + kTile - 1) / kTile * chunks;
    parts += a.segments[s].q_len * chunks;
  }
  const int64_t heads = a.q.dim[1], d = a.q.dim[2], dv = a.v.dim[2];
  const int64_t size = gpu_call::same_type(a) && half_code(a.q) != 0 ? 2 : 4;
  cost.read = tiles * heads * size * (kTile * d + kKeys * (d + dv)) + parts * heads * (dv + 2) * 4;
  cost.written += parts * heads * (dv + 2) * 4;
  cost.rate = Rate::f32;
}

}  // namespace

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"attention",
                                 "memory_efficient",
                                 DeviceKind::gpu,
                                 0,
                                 2,
                                 Rounding::f32,
                                 accepts,
                                 workspace,
                                 run,
                                 refine,
                                 "Rabe and Staats 2021, section 3"};
}  // namespace tables
#endif

}  // namespace ridge
