// Each row online, over threads; the rows are added up in their order.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/cross_entropy/args.h"
#include "ops/softmax/online.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

int64_t workspace(const void* p, int) { return static_cast<const CrossEntropyArgs*>(p)->logits.dim[0] * 8; }

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const CrossEntropyArgs*>(p);
  const int64_t tokens = a.logits.dim[0], n = a.logits.dim[1];
  const auto* targets = static_cast<const int32_t*>(a.targets.data);
  auto* const loss = static_cast<double*>(exec.workspace);
  for_each_chunk(exec, tokens, 1 + 2048 / (n + 1), [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      if (targets[t] < 0) continue;
      const float* x = static_cast<const float*>(a.logits.data) + t * a.logits.stride[0];
      const MaxSum s = max_and_sum(x, n);
      loss[t] = __builtin_log(s.sum) + (static_cast<double>(s.most) - static_cast<double>(x[targets[t]]));
    }
  });
  double total = 0;
  int64_t counted = 0;
  for (int64_t t = 0; t < tokens; ++t)
    if (targets[t] >= 0) total += loss[t], ++counted;
  *static_cast<float*>(a.y.data) = counted ? static_cast<float>(total / static_cast<double>(counted)) : 0.0f;
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"cross_entropy",
                                 "online." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,
                                 Rounding::f32,
                                 nullptr,
                                 RIDGE_ISA_NS::workspace,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "Milakov and Gimelshein 2018, algorithm 3"};
}  // namespace tables
}  // namespace ridge
