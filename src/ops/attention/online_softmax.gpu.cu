// Attention with the softmax of Milakov and Gimelshein 2018 (arXiv:1805.02867, "Online normalizer calculation
// for softmax"): maximum and sum of a row in one pass,
//   m' = max(m, s_j),   l' = l e^(m - m') + e^(s_j - m'),
// and two partial results are joined by the same rule. The scores are in memory, their weights are not: the
// product with v computes e^(s - m) / l as it reads.
// Bytes moved: N^2 scores written once and read twice, where the naive pass has seven passes: Theta(N d + N^2).
#include "ops/attention/gpu_call.cuh"
#include "ops/attention/scores.cuh"

namespace ridge {
namespace {

using namespace scores;

struct Statistic {
  float m, l;
};

__device__ __forceinline__ Statistic joined(Statistic a, Statistic b) {
  const float m = fmaxf(a.m, b.m);
  if (m == -INFINITY) return {m, 0};
  return {m, a.l * expf(a.m - m) + b.l * expf(b.m - m)};
}

// 32 lanes a row.
__global__ void __launch_bounds__(kThreads)
    normalizers(const AttentionGpuParams p, const float* s, Statistic* out, int64_t rows) {
  const int64_t r = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) / 32;
  const int lane = threadIdx.x % 32;
  if (r >= rows) return;
  const int head = static_cast<int>(r % p.heads), i = static_cast<int>(r / p.heads % p.max_q_len);
  const AttentionSegment g = p.segments[r / p.heads / p.max_q_len];
  if (i >= g.q_len) return;
  const float* row = s + score_row(p, g.q_begin + i, head);
  Statistic mine{-INFINITY, 0};
  for (int j = lane; j < g.kv_len; j += 32) mine = joined(mine, {row[j], 1});
  for (int n = 16; n > 0; n /= 2) mine = joined(mine, {exchange(mine.m, n), exchange(mine.l, n)});
  if (lane != 0) return;
  const int64_t at = static_cast<int64_t>(head) * p.q_tokens + g.q_begin + i;
  out[at] = mine;
  if (p.lse) p.lse[at] = mine.l > 0 ? mine.m + logf(mine.l) : -INFINITY;
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    values(const AttentionGpuParams p, const float* s, const Statistic* statistics) {
  weigh_values<T>(p, s, [&](int64_t i, int head, float score) {
    const Statistic t = statistics[static_cast<int64_t>(head) * p.q_tokens + i];
    return t.l > 0 ? expf(score - t.m) / t.l : 0.0f;
  });
}

template <typename T>
void launch_type(const AttentionGpuParams& p, float* s, gpuStream_t stream) {
  Statistic* statistics = reinterpret_cast<Statistic*>(s);
  s += int64_t{2} * p.heads * p.q_tokens;
  if (score_blocks(p) > 0)
    write_scores<T><<<static_cast<uint32_t>(score_blocks(p)), kThreads, 0, stream>>>(p, s);
  const int64_t rows = row_blocks(p), blocks = (rows * 32 + kThreads - 1) / kThreads;
  normalizers<<<static_cast<uint32_t>(blocks), kThreads, 0, stream>>>(p, s, statistics, rows);
  values<T><<<static_cast<uint32_t>(output_blocks(p)), kThreads, 0, stream>>>(p, s, statistics);
}

}  // namespace

int64_t online_softmax_workspace(const AttentionGpuParams& p) {
  return score_bytes(p) + int64_t{p.heads} * p.q_tokens * 8;
}

void launch_online_softmax(const AttentionGpuParams& p, void* workspace, gpuStream_t stream) {
  if (row_blocks(p) == 0) return;
  float* s = static_cast<float*>(workspace);
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
  return widened_bytes(a) + online_softmax_workspace(gpu_call::shapes(a));
}

void run(const void* args, const Exec& exec) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(args);
  const AttentionGpuParams p = gpu_call::in_one_type(a, exec);
  launch_online_softmax(p, static_cast<char*>(exec.workspace) + widened_bytes(a),
                        static_cast<gpuStream_t>(exec.stream));
}

void refine(const void* args, Cost& cost) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(args);
  int64_t pairs = 0;  // entries of the matrix of scores, for one head
  for (int64_t s = 0; s < a.segment_count; ++s) pairs += a.segments[s].q_len * a.segments[s].kv_len;
  const int64_t scores = pairs * a.q.dim[1] * 4;
  cost.read += 2 * scores;  // the normalizers, and the product
  cost.written += scores;
  cost.rate = Rate::f32;
}

}  // namespace

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"attention",
                                 "online_softmax",
                                 DeviceKind::gpu,
                                 0,
                                 1,
                                 Rounding::f32,
                                 accepts,
                                 workspace,
                                 run,
                                 refine,
                                 "Milakov and Gimelshein 2018"};
}  // namespace tables
#endif

}  // namespace ridge
