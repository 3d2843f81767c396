// log(sum e^(x - max)) + max - x[target], in double.
#include <cmath>

#include "ops/cross_entropy/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const CrossEntropyArgs*>(p);
  const int64_t n = a.logits.dim[1];
  double total = 0;
  int64_t counted = 0;
  for (int64_t t = 0; t < a.logits.dim[0]; ++t) {
    const int32_t target = static_cast<const int32_t*>(a.targets.data)[t];
    if (target < 0) continue;
    const float* x = static_cast<const float*>(a.logits.data) + t * a.logits.stride[0];
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; ++i) most = x[i] > most ? x[i] : most;
    for (int64_t i = 0; i < n; ++i) sum += std::exp(x[i] - most);
    total += std::log(sum) + most - x[target];
    ++counted;
  }
  *static_cast<float*>(a.y.data) = counted ? static_cast<float>(total / static_cast<double>(counted)) : 0.0f;
}

}  // namespace
namespace tables {
extern const Kernel kernel_cross_entropy_reference;
const Kernel kernel_cross_entropy_reference{"cross_entropy", "reference", kDeviceCpu, 0,   0,
                                            Rounding::f32,   nullptr,     nullptr,    run, nullptr,
                                            "definition"};
}  // namespace tables
}  // namespace ridge
