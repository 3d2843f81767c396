// Rows over threads.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/lerp/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const LerpArgs*>(p);
  const int64_t n = a.y.dim[1];
  const auto at = [](const View& v, int64_t r) { return static_cast<float*>(v.data) + r * v.stride[0]; };
  for_each_chunk(exec, a.y.dim[0], 8, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float *x = at(a.a, r), *z = at(a.b, r), *w = at(a.weight, r);
      float* y = at(a.y, r);
      int64_t i = 0;
      for (; i + kLanes <= n; i += kLanes) {
        const F32 v = load(x + i);
        store(y + i, fma(load(z + i) - v, load(w + i), v));
      }
      if (i < n) {
        const F32 v = load_n(x + i, n - i);
        store_n(y + i, fma(load_n(z + i, n - i) - v, load_n(w + i, n - i), v), n - i);
      }
    }
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"lerp",
                                 "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,
                                 Rounding::f32,
                                 nullptr,
                                 nullptr,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "by hand"};
}  // namespace tables
}  // namespace ridge
