// dlogits = dy / counted (softmax(logits) - [j = target]); 0 where the token is not counted.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/cross_entropy/args.h"
#include "ops/softmax/online.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const CrossEntropyGradArgs*>(p);
  const int64_t tokens = a.logits.dim[0], n = a.logits.dim[1];
  const auto* targets = static_cast<const int32_t*>(a.targets.data);
  int64_t counted = 0;
  for (int64_t t = 0; t < tokens; ++t) counted += targets[t] >= 0;
  const double each =
      counted ? static_cast<double>(*static_cast<const float*>(a.dy.data)) / static_cast<double>(counted) : 0;
  for_each_chunk(exec, tokens, 1 + 2048 / (n + 1), [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      const float* x = static_cast<const float*>(a.logits.data) + t * a.logits.stride[0];
      float* dx = static_cast<float*>(a.dlogits.data) + t * a.dlogits.stride[0];
      if (targets[t] < 0) {
        __builtin_memset(dx, 0, static_cast<uint64_t>(n) * 4);
        continue;
      }
      const MaxSum s = max_and_sum(x, n);
      const F32 scale = set1(static_cast<float>(each / s.sum));
      int64_t i = 0;
      for (; i + kLanes <= n; i += kLanes) store(dx + i, exp(load(x + i) - s.most) * scale);
      if (i < n) store_n(dx + i, exp(load_n(x + i, n - i) - s.most) * scale, n - i);
      dx[targets[t]] -= static_cast<float>(each);
    }
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"cross_entropy_grad",
                                 "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,
                                 Rounding::f32,
                                 nullptr,
                                 nullptr,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "definition"};
}  // namespace tables
}  // namespace ridge
