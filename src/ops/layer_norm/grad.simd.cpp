// With u = (x - mean) r and g = dy weight: dx = r (g - mean(g) - u mean(g u)), by rows; dweight = sum over
// rows of dy u, by columns, so that the sum has one order whatever the number of threads.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/layer_norm/args.h"
#include "ops/layer_norm/statistics.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

int64_t workspace(const void* p, int) {
  return static_cast<const LayerNormGradArgs*>(p)->x.dim[0] * static_cast<int64_t>(sizeof(Statistics));
}

void row(const float* x, const float* w, const float* dy, float* dx, int64_t n, Statistics s) {
  double sum = 0, dot = 0;
  for (int64_t i = 0; i < n; ++i) {
    const float g = dy[i] * w[i], u = (x[i] - s.mean) * s.scale;
    sum += static_cast<double>(g);
    dot += static_cast<double>(g) * static_cast<double>(u);
  }
  const float mean_g = static_cast<float>(sum / static_cast<double>(n));
  const float mean_gu = static_cast<float>(dot / static_cast<double>(n));
  for (int64_t i = 0; i < n; ++i)
    dx[i] = s.scale * (dy[i] * w[i] - mean_g - (x[i] - s.mean) * s.scale * mean_gu);
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const LayerNormGradArgs*>(p);
  const int64_t rows = a.x.dim[0], n = a.x.dim[1];
  const auto at = [](const View& v, int64_t r) { return static_cast<float*>(v.data) + r * v.stride[0]; };
  auto* const stats = static_cast<Statistics*>(exec.workspace);
  for_each_chunk(exec, rows, 4, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      stats[r] = statistics(at(a.x, r), n, a.eps);
      row(at(a.x, r), static_cast<const float*>(a.weight.data), at(a.dy, r), at(a.dx, r), n, stats[r]);
    }
  });
  if (!a.dweight.data) return;
  auto* const dw = static_cast<float*>(a.dweight.data);
  for_each_chunk(exec, n, 64, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) dw[i] = 0;
    for (int64_t r = 0; r < rows; ++r) {
      const float *x = at(a.x, r), *dy = at(a.dy, r);
      const Statistics s = stats[r];
      for (int64_t i = begin; i < end; ++i) dw[i] += dy[i] * (x[i] - s.mean) * s.scale;
    }
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"layer_norm_grad", "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,        RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,  Rounding::f32,
                                 nullptr,           RIDGE_ISA_NS::workspace,
                                 RIDGE_ISA_NS::run, nullptr,
                                 "Ba et al. 2016"};
}  // namespace tables
}  // namespace ridge
