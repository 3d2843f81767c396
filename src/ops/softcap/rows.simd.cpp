#include "base/cpu_features.h"
#include "ops/activation/functions.h"
#include "ops/softcap/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const SoftcapArgs*>(p);
  const int64_t n = a.y.dim[1];
  const F32 cap = set1(a.cap), inverse = set1(1.0f / a.cap);
  for_each_chunk(exec, a.y.dim[0], 1 + 4096 / (n + 1), [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float* x = row_of(a.x, r);
      float* y = row_of(a.y, r);
      int64_t i = 0;
      for (; i + kLanes <= n; i += kLanes) store(y + i, cap * tanh_near(load(x + i) * inverse));
      if (i < n) store_n(y + i, cap * tanh_near(load_n(x + i, n - i) * inverse), n - i);
    }
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"softcap",         "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,        RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,  Rounding::f32,
                                 nullptr,           nullptr,
                                 RIDGE_ISA_NS::run, nullptr,
                                 "definition"};
}  // namespace tables
}  // namespace ridge
