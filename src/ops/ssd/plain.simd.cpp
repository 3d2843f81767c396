// The recurrence as it is written down, token by token in float32, the states of an element of a head side by
// side: the rung that the others are measured against. Heads over threads.
#include <cmath>

#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/ssd/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

int64_t workspace(const void* p, int threads) {
  const auto& s = *static_cast<const SsdArgs*>(p);
  return s.b.dim[2] * s.x.dim[2] * 4 * threads;
}

void head(const SsdArgs& s, const SequenceSpan& span, int64_t h, float* held) {
  const int64_t heads = s.x.dim[1], p = s.x.dim[2], n = s.b.dim[2], group = h / (heads / s.b.dim[1]);
  auto* state = static_cast<float*>(s.state.data);
  if (state) state += (span.slot * heads + h) * n * p;
  for (int64_t j = 0; j < p; ++j)
    for (int64_t i = 0; i < n; ++i) held[j * n + i] = state ? state[i * p + j] : 0.0f;
  const float a = -expf(ssd_row(s.a_log, 0)[h]), bias = s.dt_bias.data ? ssd_row(s.dt_bias, 0)[h] : 0;
  const float d = s.d.data ? ssd_row(s.d, 0)[h] : 0;
  for (int64_t t = span.begin; t < span.begin + span.length; ++t) {
    const float raw = ssd_row(s.dt, t)[h] + bias, step = raw > 20 ? raw : log1pf(expf(raw));
    const float delta = step < s.dt_min   ? s.dt_min
                        : step > s.dt_max ? s.dt_max
                                          : step,
                decay = expf(delta * a);
    const float *x = ssd_row(s.x, t) + h * p, *b = ssd_row(s.b, t) + group * n,
                *c = ssd_row(s.c, t) + group * n;
    for (int64_t j = 0; j < p; ++j) {
      const float u = delta * x[j];
      float y = d * x[j], *one = held + j * n;
      for (int64_t i = 0; i < n; ++i) {
        one[i] = decay * one[i] + u * b[i];
        y += one[i] * c[i];
      }
      ssd_row(s.y, t)[h * p + j] = y;
    }
  }
  for (int64_t j = 0; state && j < p; ++j)
    for (int64_t i = 0; i < n; ++i) state[i * p + j] = held[j * n + i];
}

void run(const void* p, const Exec& exec) {
  const auto& s = *static_cast<const SsdArgs*>(p);
  const int64_t heads = s.x.dim[1], room = s.b.dim[2] * s.x.dim[2];
  for_each_chunk(exec, s.span_count * heads, 1, [&](int64_t begin, int64_t end, int thread) {
    for (int64_t u = begin; u < end; ++u)
      head(s, s.spans[u / heads], u % heads, static_cast<float*>(exec.workspace) + room * thread);
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"ssd",
                                 "plain." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK / 10,
                                 Rounding::f32,
                                 nullptr,
                                 RIDGE_ISA_NS::workspace,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "Dao and Gu 2024, equation 1"};
}  // namespace tables
}  // namespace ridge
