// The definition, in double: all scores, the best group and the best expert found anew for each place.
#include <cmath>

#include "ops/route/args.h"

namespace ridge {
namespace {

int64_t workspace(const void* p, int) {
  const auto& a = *static_cast<const RouteArgs*>(p);
  return (2 * a.logits.dim[1] + a.groups) * 8;
}

// score: of each expert. choice: score and bias, by which experts are chosen. The rest is excluded by -inf.
void scores(const RouteArgs& a, const float* x, double* score, double* choice) {
  const int64_t experts = a.logits.dim[1];
  double most = -INFINITY, sum = 0;
  for (int64_t e = 0; e < experts; ++e) most = x[e] > most ? x[e] : most;
  for (int64_t e = 0; e < experts; ++e) sum += std::exp(x[e] - most);
  for (int64_t e = 0; e < experts; ++e) {
    if (a.softmax_after_top_k)
      score[e] = x[e];
    else if (a.score == RouteScore::softmax)
      score[e] = std::exp(x[e] - most) / sum;
    else
      score[e] = 1 / (1 + std::exp(-static_cast<double>(x[e])));
    choice[e] = score[e] + (a.bias.data ? static_cast<const float*>(a.bias.data)[e] : 0.0f);
  }
}

int64_t best_of(const double* v, int64_t n) {
  int64_t best = 0;
  for (int64_t i = 1; i < n; ++i)
    if (v[i] > v[best]) best = i;
  return best;
}

void exclude_groups(const RouteArgs& a, double* choice, double* group) {
  const int64_t size = a.logits.dim[1] / a.groups;
  for (int64_t g = 0; g < a.groups; ++g) {
    double first = -INFINITY, second = -INFINITY;
    for (int64_t e = g * size; e < (g + 1) * size; ++e) {
      if (choice[e] > first)
        second = first, first = choice[e];
      else if (choice[e] > second)
        second = choice[e];
    }
    group[g] = size > 1 ? first + second : first;
  }
  for (int64_t i = 0; i < a.top_groups; ++i) group[best_of(group, a.groups)] = -INFINITY;
  for (int64_t g = 0; g < a.groups; ++g)
    if (group[g] > -INFINITY)
      for (int64_t e = g * size; e < (g + 1) * size; ++e) choice[e] = -INFINITY;
}

void weigh(const RouteArgs& a, const double* score, const int32_t* ids, float* weights) {
  const int64_t k = a.ids.dim[1];
  double most = -INFINITY, sum = 0;
  for (int64_t i = 0; i < k; ++i) most = std::fmax(most, score[ids[i]]);
  const auto value = [&](int64_t i) {
    return a.softmax_after_top_k ? std::exp(score[ids[i]] - most) : score[ids[i]];
  };
  for (int64_t i = 0; i < k; ++i) sum += value(i);
  const double by = a.softmax_after_top_k ? sum : a.normalize ? sum + 1e-20 : 1;
  for (int64_t i = 0; i < k; ++i) weights[i] = static_cast<float>(value(i) / by * a.scale);
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const RouteArgs*>(p);
  const int64_t experts = a.logits.dim[1], k = a.ids.dim[1];
  auto* const score = static_cast<double*>(exec.workspace);
  double *const choice = score + experts, *const group = choice + experts;
  for (int64_t t = 0; t < a.logits.dim[0]; ++t) {
    scores(a, static_cast<const float*>(a.logits.data) + t * a.logits.stride[0], score, choice);
    if (a.groups > 1) exclude_groups(a, choice, group);
    auto* const ids = static_cast<int32_t*>(a.ids.data) + t * k;
    for (int64_t i = 0; i < k; ++i) {
      ids[i] = static_cast<int32_t>(best_of(choice, experts));
      choice[ids[i]] = -INFINITY;
    }
    weigh(a, score, ids, static_cast<float*>(a.weights.data) + t * k);
  }
}

}  // namespace
namespace tables {
extern const Kernel kernel_route_reference;
const Kernel kernel_route_reference{"route",
                                    "reference",
                                    kDeviceCpu,
                                    0,
                                    0,
                                    Rounding::f32,
                                    nullptr,
                                    workspace,
                                    run,
                                    nullptr,
                                    "DeepSeek-V3 report, section 2.1.2"};
}  // namespace tables
}  // namespace ridge
