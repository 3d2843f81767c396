// Attention as it is written down (Vaswani et al. 2017, eq. 1): S = mask(scale q k^T) in memory, softmax of
// its rows in place by three passes (maximum; exponentials and their sum; division), o = S v. Bytes moved:
// N^2 scores written once, read four times and written twice more: Theta(N d + N^2).
#include "ops/attention/gpu_call.cuh"
#include "ops/attention/scores.cuh"

namespace ridge {
namespace {

using namespace scores;

__global__ void __launch_bounds__(kThreads) softmax_rows(const AttentionGpuParams p, float* s) {
  const int head = blockIdx.x % p.heads, i = blockIdx.x / p.heads % p.max_q_len;
  const AttentionSegment g = p.segments[blockIdx.x / p.heads / p.max_q_len];
  if (i >= g.q_len) return;
  const int n = static_cast<int>(g.kv_len);
  float* row = s + score_row(p, g.q_begin + i, head);
  float most = -INFINITY;
  for (int j = threadIdx.x; j < n; j += kThreads) most = fmaxf(most, row[j]);
  most = reduce_block(most, [](float a, float b) { return fmaxf(a, b); });
  float sum = 0;
  for (int j = threadIdx.x; j < n; j += kThreads) {
    row[j] = most == -INFINITY ? 0.0f : expf(row[j] - most);
    sum += row[j];
  }
  sum = reduce_block(sum, [](float a, float b) { return a + b; });
  const float factor = sum > 0 ? 1 / sum : 0.0f;
  for (int j = threadIdx.x; j < n; j += kThreads) row[j] *= factor;
  if (threadIdx.x == 0 && p.lse)
    p.lse[static_cast<int64_t>(head) * p.q_tokens + g.q_begin + i] = sum > 0 ? most + logf(sum) : -INFINITY;
}

template <typename T>
__global__ void __launch_bounds__(kThreads) values(const AttentionGpuParams p, const float* s) {
  weigh_values<T>(p, s, [](int64_t, int, float weight) { return weight; });
}

template <typename T>
void launch_type(const AttentionGpuParams& p, float* s, gpuStream_t stream) {
  if (score_blocks(p) > 0)
    write_scores<T><<<static_cast<uint32_t>(score_blocks(p)), kThreads, 0, stream>>>(p, s);
  softmax_rows<<<static_cast<uint32_t>(row_blocks(p)), kThreads, 0, stream>>>(p, s);
  values<T><<<static_cast<uint32_t>(output_blocks(p)), kThreads, 0, stream>>>(p, s);
}

}  // namespace

int64_t naive_workspace(const AttentionGpuParams& p) { return score_bytes(p); }

void launch_naive(const AttentionGpuParams& p, void* workspace, gpuStream_t stream) {
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
  return widened_bytes(a) + naive_workspace(gpu_call::shapes(a));
}

void run(const void* args, const Exec& exec) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(args);
  const AttentionGpuParams p = gpu_call::in_one_type(a, exec);
  launch_naive(p, static_cast<char*>(exec.workspace) + widened_bytes(a),
               static_cast<gpuStream_t>(exec.stream));
}

void refine(const void* args, Cost& cost) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(args);
  int64_t pairs = 0;  // entries of the matrix of scores, for one head
  for (int64_t s = 0; s < a.segment_count; ++s) pairs += a.segments[s].q_len * a.segments[s].kv_len;
  const int64_t scores = pairs * a.q.dim[1] * 4;
  cost.read += 4 * scores;  // maximum, exponentials, division, product
  cost.written += 3 * scores;
  cost.rate = Rate::f32;
}

}  // namespace

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"attention",
                                 "naive",
                                 DeviceKind::gpu,
                                 0,
                                 0,
                                 Rounding::f32,
                                 accepts,
                                 workspace,
                                 run,
                                 refine,
                                 "Vaswani et al. 2017, eq. 1"};
}  // namespace tables
#endif

}  // namespace ridge
