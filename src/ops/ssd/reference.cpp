#include <cmath>

#include "ops/ssd/args.h"

namespace ridge {
namespace {

int64_t workspace(const void* p, int) {
  const auto& s = *static_cast<const SsdArgs*>(p);
  return s.b.dim[2] * s.x.dim[2] * 8;
}

void head(const SsdArgs& s, const SequenceSpan& span, int64_t h, double* held) {
  const int64_t heads = s.x.dim[1], p = s.x.dim[2], n = s.b.dim[2], group = h / (heads / s.b.dim[1]);
  auto* state = static_cast<float*>(s.state.data);
  if (state) state += (span.slot * heads + h) * n * p;
  for (int64_t i = 0; i < n * p; ++i) held[i] = state ? state[i] : 0.0f;
  const double a = -std::exp(static_cast<double>(ssd_row(s.a_log, 0)[h]));
  for (int64_t t = span.begin; t < span.begin + span.length; ++t) {
    const double raw =
        static_cast<double>(ssd_row(s.dt, t)[h]) + (s.dt_bias.data ? ssd_row(s.dt_bias, 0)[h] : 0.0f);
    const double step = (raw > 0 ? raw : 0) + std::log1p(std::exp(-std::fabs(raw)));
    const double delta = std::fmin(std::fmax(step, s.dt_min), s.dt_max), decay = std::exp(delta * a);
    const float *x = ssd_row(s.x, t) + h * p, *b = ssd_row(s.b, t) + group * n,
                *c = ssd_row(s.c, t) + group * n;
    for (int64_t j = 0; j < p; ++j) {
      double y = s.d.data ? static_cast<double>(ssd_row(s.d, 0)[h]) * x[j] : 0;
      for (int64_t i = 0; i < n; ++i) {
        double& one = held[i * p + j];
        one = decay * one + delta * b[i] * x[j];
        y += one * c[i];
      }
      ssd_row(s.y, t)[h * p + j] = static_cast<float>(y);
    }
  }
  for (int64_t i = 0; state && i < n * p; ++i) state[i] = static_cast<float>(held[i]);
}

void run(const void* p, const Exec& exec) {
  const auto& s = *static_cast<const SsdArgs*>(p);
  for (int64_t i = 0; i < s.span_count; ++i)
    for (int64_t h = 0; h < s.x.dim[1]; ++h) head(s, s.spans[i], h, static_cast<double*>(exec.workspace));
}

}  // namespace

namespace tables {
extern const Kernel kernel_ssd_reference;
const Kernel kernel_ssd_reference{"ssd",
                                  "reference",
                                  DeviceKind::cpu,
                                  0,
                                  0,
                                  Rounding::f32,
                                  nullptr,
                                  workspace,
                                  run,
                                  nullptr,
                                  "Dao and Gu 2024, equation 1"};
}  // namespace tables
}  // namespace ridge
