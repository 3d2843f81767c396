#include <cmath>

#include "ops/selective_scan/args.h"

namespace ridge {
namespace {

int64_t workspace(const void* p, int) { return static_cast<const SelectiveScanArgs*>(p)->a_log.dim[1] * 8; }

void channel(const SelectiveScanArgs& s, const SequenceSpan& span, int64_t ch, double* h) {
  const int64_t n = s.a_log.dim[1], channels = s.x.dim[1];
  const float* a_log = static_cast<const float*>(s.a_log.data) + ch * n;
  auto* state = static_cast<float*>(s.state.data);
  if (state) state += span.slot * n * channels + ch;
  for (int64_t i = 0; i < n; ++i) h[i] = state ? state[i * channels] : 0.0f;
  for (int64_t t = span.begin; t < span.begin + span.length; ++t) {
    const double x = scan_row(s.x, t)[ch], bias = s.dt_bias.data ? scan_row(s.dt_bias, 0)[ch] : 0.0f;
    const double raw = scan_row(s.dt, t)[ch] + bias;
    const double delta = (raw > 0 ? raw : 0) + std::log1p(std::exp(-std::fabs(raw)));
    double y = s.d.data ? scan_row(s.d, 0)[ch] * x : 0;
    for (int64_t i = 0; i < n; ++i) {
      h[i] =
          std::exp(-delta * std::exp(static_cast<double>(a_log[i]))) * h[i] + delta * x * scan_row(s.b, t)[i];
      y += h[i] * scan_row(s.c, t)[i];
    }
    if (s.z.data) {
      const double z = scan_row(s.z, t)[ch];
      y *= z / (1 + std::exp(-z));
    }
    scan_row(s.y, t)[ch] = static_cast<float>(y);
  }
  for (int64_t i = 0; state && i < n; ++i) state[i * channels] = static_cast<float>(h[i]);
}

void run(const void* p, const Exec& exec) {
  const auto& s = *static_cast<const SelectiveScanArgs*>(p);
  for (int64_t i = 0; i < s.span_count; ++i)
    for (int64_t ch = 0; ch < s.x.dim[1]; ++ch)
      channel(s, s.spans[i], ch, static_cast<double*>(exec.workspace));
}

}  // namespace

namespace tables {
extern const Kernel kernel_selective_scan_reference;
const Kernel kernel_selective_scan_reference{"selective_scan",
                                             "reference",
                                             DeviceKind::cpu,
                                             0,
                                             0,
                                             Rounding::f32,
                                             nullptr,
                                             workspace,
                                             run,
                                             nullptr,
                                             "Gu and Dao 2023, algorithm 2"};
}  // namespace tables
}  // namespace ridge
