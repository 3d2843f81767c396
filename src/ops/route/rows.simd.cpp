// Tokens over threads; scores in f32, and one pass over the experts that keeps the best k in order.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/route/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

int64_t thread_floats(const RouteArgs& a) { return (2 * a.logits.dim[1] + 2 * a.groups + 15) / 16 * 16; }
int64_t workspace(const void* p, int threads) {
  return thread_floats(*static_cast<const RouteArgs*>(p)) * 4 * threads;
}

// x[i] = e^(x[i] - most) or 1 / (1 + e^-x[i]), a vector at a time.
template <bool sigmoid>
void exponentials(const float* x, float* y, int64_t n, float most) {
  const F32 m = set1(most);
  const auto f = [&](F32 v) __attribute__((always_inline)) {
    return sigmoid ? 1.0f / (1.0f + exp(-v)) : exp(v - m);
  };
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, f(load(x + i)));
  if (i < n) store_n(y + i, f(load_n(x + i, n - i)), n - i);
}

float largest(const float* x, int64_t n) {
  float most = -__builtin_inff();
  for (int64_t i = 0; i < n; ++i) most = x[i] > most ? x[i] : most;
  return most;
}

void scores(const RouteArgs& a, const float* x, float* score, float* choice) {
  const int64_t experts = a.logits.dim[1];
  if (a.softmax_after_top_k) {
    for (int64_t e = 0; e < experts; ++e) score[e] = x[e];
  } else if (a.score == RouteScore::sigmoid) {
    exponentials<true>(x, score, experts, 0);
  } else {
    exponentials<false>(x, score, experts, largest(x, experts));
    double sum = 0;
    for (int64_t e = 0; e < experts; ++e) sum += static_cast<double>(score[e]);
    const float scale = static_cast<float>(1 / sum);
    for (int64_t e = 0; e < experts; ++e) score[e] *= scale;
  }
  const auto* bias = static_cast<const float*>(a.bias.data);
  for (int64_t e = 0; e < experts; ++e) choice[e] = bias ? score[e] + bias[e] : score[e];
}

// Puts (value, id) into the list of the best: after those that are equal, so that lower ids stand first.
RIDGE_INLINE void insert(float* values, int32_t* ids, int64_t* count, int64_t k, float value, int32_t id) {
  if (*count == k && !(value > values[k - 1])) return;
  int64_t at = *count < k ? (*count)++ : k - 1;
  for (; at > 0 && value > values[at - 1]; --at) values[at] = values[at - 1], ids[at] = ids[at - 1];
  values[at] = value, ids[at] = id;
}

// 1 for the groups that experts may be chosen from.
void choose_groups(const RouteArgs& a, const float* choice, float* group, float* open) {
  const int64_t size = a.logits.dim[1] / a.groups;
  for (int64_t g = 0; g < a.groups; ++g) {
    float first = -__builtin_inff(), second = first;
    for (int64_t e = g * size; e < (g + 1) * size; ++e) {
      if (choice[e] > first)
        second = first, first = choice[e];
      else if (choice[e] > second)
        second = choice[e];
    }
    group[g] = size > 1 ? first + second : first;
    open[g] = 0;
  }
  for (int64_t i = 0; i < a.top_groups; ++i) {
    int64_t best = -1;
    for (int64_t g = 0; g < a.groups; ++g)
      if (open[g] == 0 && (best < 0 || group[g] > group[best])) best = g;
    open[best] = 1;
  }
}

void weigh(const RouteArgs& a, const float* score, const int32_t* ids, float* weights) {
  const int64_t k = a.ids.dim[1];
  for (int64_t i = 0; i < k; ++i) weights[i] = score[ids[i]];
  if (a.softmax_after_top_k) exponentials<false>(weights, weights, k, largest(weights, k));
  double sum = 0;
  for (int64_t i = 0; i < k; ++i) sum += static_cast<double>(weights[i]);
  const double by = a.softmax_after_top_k ? sum : a.normalize ? sum + 1e-20 : 1;
  const float scale = static_cast<float>(static_cast<double>(a.scale) / by);
  for (int64_t i = 0; i < k; ++i) weights[i] *= scale;
}

void token(const RouteArgs& a, int64_t t, float* score) {
  const int64_t experts = a.logits.dim[1], k = a.ids.dim[1], size = experts / a.groups;
  float *const choice = score + experts, *const group = choice + experts, *const open = group + a.groups;
  scores(a, static_cast<const float*>(a.logits.data) + t * a.logits.stride[0], score, choice);
  if (a.groups > 1) choose_groups(a, choice, group, open);
  auto* const ids = static_cast<int32_t*>(a.ids.data) + t * k;
  auto* const weights = static_cast<float*>(a.weights.data) + t * k;  // holds the choices meanwhile
  int64_t count = 0;
  for (int64_t g = 0; g < a.groups; ++g) {
    if (a.groups > 1 && open[g] == 0) continue;
    for (int64_t e = g * size; e < (g + 1) * size; ++e)
      insert(weights, ids, &count, k, choice[e], static_cast<int32_t>(e));
  }
  weigh(a, score, ids, weights);
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const RouteArgs*>(p);
  for_each_chunk(exec, a.logits.dim[0], 1 + 1024 / (a.logits.dim[1] + 1),
                 [&](int64_t begin, int64_t end, int thread) {
                   float* own = static_cast<float*>(exec.workspace) + thread * thread_floats(a);
                   for (int64_t t = begin; t < end; ++t) token(a, t, own);
                 });
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"route",
                                 "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,
                                 Rounding::f32,
                                 nullptr,
                                 RIDGE_ISA_NS::workspace,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "DeepSeek-V3 report, section 2.1.2"};
}  // namespace tables
}  // namespace ridge
