// Rows over threads.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/l2_norm/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const L2NormArgs*>(p);
  const int64_t heads = a.x.dim[1], n = a.x.dim[2];
  for_each_chunk(exec, a.x.dim[0] * heads, 64, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float* x =
          static_cast<const float*>(a.x.data) + r / heads * a.x.stride[0] + r % heads * a.x.stride[1];
      float* y = static_cast<float*>(a.y.data) + r * n;
      F32 s{};
      int64_t i = 0;
      for (; i + kLanes <= n; i += kLanes) s = fma(load(x + i), load(x + i), s);
      if (i < n) {
        const F32 v = load_n(x + i, n - i);
        s = fma(v, v, s);
      }
      const float sum = reduce_add(s), root = __builtin_sqrtf(sum);
      const float norm = a.eps_inside ? __builtin_sqrtf(sum + a.eps) : root > a.eps ? root : a.eps;
      const float scale = a.scale / norm;
      for (i = 0; i + kLanes <= n; i += kLanes) store(y + i, load(x + i) * scale);
      if (i < n) store_n(y + i, load_n(x + i, n - i) * scale, n - i);
    }
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"l2_norm",         "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,        RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,  Rounding::f32,
                                 nullptr,           nullptr,
                                 RIDGE_ISA_NS::run, nullptr,
                                 "by hand"};
}  // namespace tables
}  // namespace ridge
