// The recurrence as it is written down, token by token in float32, a channel's states side by side: the rung
// that the others are measured against. Channels over threads.
#include <cmath>

#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/selective_scan/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

int64_t workspace(const void* p, int threads) {
  return static_cast<const SelectiveScanArgs*>(p)->a_log.dim[1] * 8 * threads;
}

void channel(const SelectiveScanArgs& s, const SequenceSpan& span, int64_t ch, float* h, float* a) {
  const int64_t n = s.a_log.dim[1], channels = s.x.dim[1];
  auto* state = static_cast<float*>(s.state.data);
  if (state) state += span.slot * n * channels + ch;
  for (int64_t i = 0; i < n; ++i) {
    a[i] = -expf(static_cast<const float*>(s.a_log.data)[ch * n + i]);
    h[i] = state ? state[i * channels] : 0.0f;
  }
  const float bias = s.dt_bias.data ? scan_row(s.dt_bias, 0)[ch] : 0, d = s.d.data ? scan_row(s.d, 0)[ch] : 0;
  for (int64_t t = span.begin; t < span.begin + span.length; ++t) {
    const float raw = scan_row(s.dt, t)[ch] + bias, delta = raw > 20 ? raw : log1pf(expf(raw));
    const float x = scan_row(s.x, t)[ch], u = delta * x;
    const float *b = scan_row(s.b, t), *c = scan_row(s.c, t);
    float y = d * x;
    for (int64_t i = 0; i < n; ++i) {
      h[i] = expf(delta * a[i]) * h[i] + u * b[i];
      y += h[i] * c[i];
    }
    if (s.z.data) {
      const float z = scan_row(s.z, t)[ch];
      y *= z / (1 + expf(-z));
    }
    scan_row(s.y, t)[ch] = y;
  }
  for (int64_t i = 0; state && i < n; ++i) state[i * channels] = h[i];
}

void run(const void* p, const Exec& exec) {
  const auto& s = *static_cast<const SelectiveScanArgs*>(p);
  const int64_t n = s.a_log.dim[1], channels = s.x.dim[1];
  for_each_chunk(exec, s.span_count * channels, 16, [&](int64_t begin, int64_t end, int thread) {
    float* own = static_cast<float*>(exec.workspace) + 2 * n * thread;
    for (int64_t u = begin; u < end; ++u) channel(s, s.spans[u / channels], u % channels, own, own + n);
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"selective_scan",
                                 "plain." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK / 10,
                                 Rounding::f32,
                                 nullptr,
                                 RIDGE_ISA_NS::workspace,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "Gu and Dao 2023, algorithm 2"};
}  // namespace tables
}  // namespace ridge
