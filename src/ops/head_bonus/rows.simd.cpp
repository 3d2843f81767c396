// Tokens over threads.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/head_bonus/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const HeadBonusArgs*>(p);
  const int64_t heads = a.y.dim[1], d = a.y.dim[2];
  const auto at = [&](const View& v, int64_t t, int64_t h) {
    return static_cast<float*>(v.data) + t * v.stride[0] + h * d;
  };
  for_each_chunk(exec, a.y.dim[0], 8, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t)
      for (int64_t h = 0; h < heads; ++h) {
        const float *r = at(a.r, t, h), *k = at(a.k, t, h), *v = at(a.v, t, h);
        const float* u = static_cast<const float*>(a.u.data) + h * d;
        float* y = at(a.y, t, h);
        F32 s{};
        int64_t i = 0;
        for (; i + kLanes <= d; i += kLanes) s = fma(load(r + i) * load(u + i), load(k + i), s);
        if (i < d) s = fma(load_n(r + i, d - i) * load_n(u + i, d - i), load_n(k + i, d - i), s);
        const float sum = reduce_add(s);
        for (i = 0; i + kLanes <= d; i += kLanes) store(y + i, load(v + i) * sum);
        if (i < d) store_n(y + i, load_n(v + i, d - i) * sum, d - i);
      }
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"head_bonus",      "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,        RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,  Rounding::f32,
                                 nullptr,           nullptr,
                                 RIDGE_ISA_NS::run, nullptr,
                                 "by hand"};
}  // namespace tables
}  // namespace ridge
