// The online pass, then the quotients.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/softmax/args.h"
#include "ops/softmax/online.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

void row(const float* x, float* y, int64_t n) {
  const MaxSum s = max_and_sum(x, n);
  if (s.most == -__builtin_inff()) {
    for (int64_t i = 0; i < n; ++i) y[i] = 0;
    return;
  }
  const F32 scale = set1(static_cast<float>(1 / s.sum));
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, exp(load(x + i) - s.most) * scale);
  if (i < n) store_n(y + i, exp(load_n(x + i, n - i) - s.most) * scale, n - i);
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const SoftmaxArgs*>(p);
  const int64_t n = a.y.dim[1];
  for_each_chunk(exec, a.y.dim[0], 1 + 2048 / (n + 1), [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r)
      row(static_cast<const float*>(a.x.data) + r * a.x.stride[0],
          static_cast<float*>(a.y.data) + r * a.y.stride[0], n);
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"softmax",
                                 "online." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,
                                 Rounding::f32,
                                 nullptr,
                                 nullptr,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "Milakov and Gimelshein 2018, algorithm 3"};
}  // namespace tables
}  // namespace ridge
