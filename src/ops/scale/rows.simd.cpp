#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/scale/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const ScaleArgs*>(p);
  const int64_t n = a.y.dim[1];
  const F32 s = set1(a.factor);
  for_each_chunk(exec, a.y.dim[0], 1 + 8192 / (n + 1), [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float* x = static_cast<const float*>(a.x.data) + r * a.x.stride[0];
      float* y = static_cast<float*>(a.y.data) + r * a.y.stride[0];
      int64_t i = 0;
      for (; i + kLanes <= n; i += kLanes) store(y + i, s * load(x + i));
      if (i < n) store_n(y + i, s * load_n(x + i, n - i), n - i);
    }
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"scale",           "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,        RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,  Rounding::f32,
                                 nullptr,           nullptr,
                                 RIDGE_ISA_NS::run, nullptr,
                                 "definition"};
}  // namespace tables
}  // namespace ridge
