// One pass for the squares, one for the product; rows over threads.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/rms_norm/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

void row(const float* x, const float* w, float* y, int64_t n, float eps, float offset) {
  F32 s0{}, s1{}, s2{}, s3{};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    const F32 a = load(x + i), b = load(x + i + kLanes), c = load(x + i + 2 * kLanes),
              d = load(x + i + 3 * kLanes);
    s0 = fma(a, a, s0), s1 = fma(b, b, s1), s2 = fma(c, c, s2), s3 = fma(d, d, s3);
  }
  for (; i + kLanes <= n; i += kLanes) {
    const F32 a = load(x + i);
    s0 = fma(a, a, s0);
  }
  if (i < n) {
    const F32 a = load_n(x + i, n - i);
    s0 = fma(a, a, s0);
  }
  const float mean = reduce_add((s0 + s1) + (s2 + s3)) / static_cast<float>(n);
  const F32 scale = set1(1.0f / __builtin_sqrtf(mean + eps)), add = set1(offset);
  for (i = 0; i + kLanes <= n; i += kLanes) store(y + i, load(x + i) * scale * (load(w + i) + add));
  if (i < n) store_n(y + i, load_n(x + i, n - i) * scale * (load_n(w + i, n - i) + add), n - i);
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const RmsNormArgs*>(p);
  for_each_chunk(exec, a.x.dim[0], 8, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r)
      row(static_cast<const float*>(a.x.data) + r * a.x.stride[0], static_cast<const float*>(a.weight.data),
          static_cast<float*>(a.y.data) + r * a.y.stride[0], a.x.dim[1], a.eps, a.offset);
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"rms_norm",
                                 "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,
                                 Rounding::f32,
                                 nullptr,
                                 nullptr,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "Zhang and Sennrich 2019"};
}  // namespace tables
}  // namespace ridge
