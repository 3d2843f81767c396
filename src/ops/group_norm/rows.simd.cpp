// Two passes a group, groups of rows over threads.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/group_norm/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

void group(const float* x, const float* w, const float* b, float* y, int64_t n, float eps) {
  const float inverse = 1.0f / static_cast<float>(n);
  F32 s{};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) s = s + load(x + i);
  if (i < n) s = s + load_n(x + i, n - i);
  const float mean = reduce_add(s) * inverse;
  F32 q{};
  for (i = 0; i + kLanes <= n; i += kLanes) {
    const F32 d = load(x + i) - mean;
    q = fma(d, d, q);
  }
  float variance = reduce_add(q);
  for (; i < n; ++i) variance += (x[i] - mean) * (x[i] - mean);
  const float scale = 1.0f / __builtin_sqrtf(variance * inverse + eps);
  for (i = 0; i + kLanes <= n; i += kLanes)
    store(y + i, fma((load(x + i) - mean) * scale, load(w + i), load(b + i)));
  if (i < n)
    store_n(y + i, fma((load_n(x + i, n - i) - mean) * scale, load_n(w + i, n - i), load_n(b + i, n - i)),
            n - i);
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const GroupNormArgs*>(p);
  const int64_t d = a.x.dim[1] / a.groups;
  const auto *w = static_cast<const float*>(a.weight.data), *b = static_cast<const float*>(a.bias.data);
  for_each_chunk(exec, a.x.dim[0], 8, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r)
      for (int64_t g = 0; g < a.groups; ++g)
        group(static_cast<const float*>(a.x.data) + r * a.x.stride[0] + g * d, w + g * d, b + g * d,
              static_cast<float*>(a.y.data) + r * a.y.stride[0] + g * d, d, a.eps);
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"group_norm",      "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,        RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,  Rounding::f32,
                                 nullptr,           nullptr,
                                 RIDGE_ISA_NS::run, nullptr,
                                 "by hand"};
}  // namespace tables
}  // namespace ridge
