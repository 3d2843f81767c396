// Rows over threads; see statistics.h for the two passes.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/layer_norm/args.h"
#include "ops/layer_norm/statistics.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

void row(const float* x, const float* w, const float* b, float* y, int64_t n, float eps) {
  const Statistics s = statistics(x, n, eps);
  const F32 mean = set1(s.mean), scale = set1(s.scale);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const F32 v = (load(x + i) - mean) * scale;
    store(y + i, b ? fma(v, load(w + i), load(b + i)) : v * load(w + i));
  }
  if (i == n) return;
  const F32 v = (load_n(x + i, n - i) - mean) * scale, weight = load_n(w + i, n - i);
  store_n(y + i, b ? fma(v, weight, load_n(b + i, n - i)) : v * weight, n - i);
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const LayerNormArgs*>(p);
  for_each_chunk(exec, a.x.dim[0], 8, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r)
      row(static_cast<const float*>(a.x.data) + r * a.x.stride[0], static_cast<const float*>(a.weight.data),
          static_cast<const float*>(a.bias.data), static_cast<float*>(a.y.data) + r * a.y.stride[0],
          a.x.dim[1], a.eps);
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"layer_norm",
                                 "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,
                                 Rounding::f32,
                                 nullptr,
                                 nullptr,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "Ba et al. 2016, eq. 4"};
}  // namespace tables
}  // namespace ridge
