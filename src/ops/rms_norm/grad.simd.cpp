// dx by rows; dweight by columns, so that the sum over rows has one order whatever the number of threads.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/rms_norm/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

float inverse_rms(const float* x, int64_t n, float eps) {
  F32 s{};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) s = fma(load(x + i), load(x + i), s);
  float sum = reduce_add(s);
  for (; i < n; ++i) sum += x[i] * x[i];
  return 1.0f / __builtin_sqrtf(sum / static_cast<float>(n) + eps);
}

void row(const float* x, const float* w, const float* dy, float* dx, int64_t n, float eps, float offset) {
  const float r = inverse_rms(x, n, eps);
  double dot = 0;
  for (int64_t i = 0; i < n; ++i) dot += static_cast<double>(dy[i] * (w[i] + offset)) * x[i];
  const float c = static_cast<float>(dot / static_cast<double>(n)) * r * r * r;
  for (int64_t i = 0; i < n; ++i) dx[i] = r * dy[i] * (w[i] + offset) - c * x[i];
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const RmsNormGradArgs*>(p);
  const int64_t rows = a.x.dim[0], n = a.x.dim[1];
  const auto at = [](const View& v, int64_t r) { return static_cast<float*>(v.data) + r * v.stride[0]; };
  for_each_chunk(exec, rows, 4, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r)
      row(at(a.x, r), static_cast<const float*>(a.weight.data), at(a.dy, r), at(a.dx, r), n, a.eps, a.offset);
  });
  if (!a.dweight.data) return;
  auto* dw = static_cast<float*>(a.dweight.data);
  for_each_chunk(exec, n, 64, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) dw[i] = 0;
    for (int64_t r = 0; r < rows; ++r) {
      const float* x = at(a.x, r);
      const float* dy = at(a.dy, r);
      const float scale = inverse_rms(x, n, a.eps);
      for (int64_t i = begin; i < end; ++i) dw[i] += dy[i] * x[i] * scale;
    }
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"rms_norm_grad",   "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,        RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,  Rounding::f32,
                                 nullptr,           nullptr,
                                 RIDGE_ISA_NS::run, nullptr,
                                 "by hand"};
}  // namespace tables
}  // namespace ridge
