// dx = dy (1 - (y / cap)^2).
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/softcap/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const SoftcapGradArgs*>(p);
  const int64_t n = a.y.dim[1];
  const F32 inverse = set1(1.0f / a.cap), one = set1(1.0f);
  const auto at = [](const View& v, int64_t r) { return static_cast<float*>(v.data) + r * v.stride[0]; };
  for_each_chunk(exec, a.y.dim[0], 1 + 4096 / (n + 1), [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float *y = at(a.y, r), *dy = at(a.dy, r);
      float* dx = at(a.dx, r);
      int64_t i = 0;
      for (; i + kLanes <= n; i += kLanes) {
        const F32 t = load(y + i) * inverse;
        store(dx + i, load(dy + i) * fma(-t, t, one));
      }
      if (i == n) continue;
      const F32 t = load_n(y + i, n - i) * inverse;
      store_n(dx + i, load_n(dy + i, n - i) * fma(-t, t, one), n - i);
    }
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"softcap_grad",    "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,        RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,  Rounding::f32,
                                 nullptr,           nullptr,
                                 RIDGE_ISA_NS::run, nullptr,
                                 "definition"};
}  // namespace tables
}  // namespace ridge
