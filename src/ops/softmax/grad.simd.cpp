// dx = y (dy - sum(dy y)).
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/softmax/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

void row(const float* y, const float* dy, float* dx, int64_t n) {
  F32 s{};
  float rest = 0;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) s = fma(load(y + i), load(dy + i), s);
  for (; i < n; ++i) rest += y[i] * dy[i];
  const F32 dot = set1(reduce_add(s) + rest);
  for (i = 0; i + kLanes <= n; i += kLanes) store(dx + i, load(y + i) * (load(dy + i) - dot));
  if (i < n) store_n(dx + i, load_n(y + i, n - i) * (load_n(dy + i, n - i) - dot), n - i);
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const SoftmaxGradArgs*>(p);
  const int64_t n = a.y.dim[1];
  const auto at = [](const View& v, int64_t r) { return static_cast<float*>(v.data) + r * v.stride[0]; };
  for_each_chunk(exec, a.y.dim[0], 1 + 4096 / (n + 1), [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) row(at(a.y, r), at(a.dy, r), at(a.dx, r), n);
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"softmax_grad",    "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,        RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,  Rounding::f32,
                                 nullptr,           nullptr,
                                 RIDGE_ISA_NS::run, nullptr,
                                 "definition"};
}  // namespace tables
}  // namespace ridge
