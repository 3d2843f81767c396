#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/multiply/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const MultiplyArgs*>(p);
  const int64_t n = a.y.dim[1];
  for_each_chunk(exec, a.y.dim[0], 1 + 8192 / (n + 1), [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float* x = static_cast<const float*>(a.a.data) + r * a.a.stride[0];
      const float* b = static_cast<const float*>(a.b.data) + r * a.b.stride[0];
      float* y = static_cast<float*>(a.y.data) + r * a.y.stride[0];
      int64_t i = 0;
      if (a.b.stride[1] == 0) {
        const F32 s = set1(*b);
        for (; i + kLanes <= n; i += kLanes) store(y + i, load(x + i) * s);
        if (i < n) store_n(y + i, load_n(x + i, n - i) * s, n - i);
      } else {
        for (; i + kLanes <= n; i += kLanes) store(y + i, load(x + i) * load(b + i));
        if (i < n) store_n(y + i, load_n(x + i, n - i) * load_n(b + i, n - i), n - i);
      }
    }
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"multiply",        "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,        RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,  Rounding::f32,
                                 nullptr,           nullptr,
                                 RIDGE_ISA_NS::run, nullptr,
                                 "definition"};
}  // namespace tables
}  // namespace ridge
