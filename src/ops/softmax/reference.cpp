// e^(x - max) / sum, in double.
#include <cmath>

#include "ops/softmax/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const SoftmaxArgs*>(p);
  const int64_t n = a.y.dim[1];
  for (int64_t r = 0; r < a.y.dim[0]; ++r) {
    const float* x = static_cast<const float*>(a.x.data) + r * a.x.stride[0];
    float* y = static_cast<float*>(a.y.data) + r * a.y.stride[0];
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; ++i) most = x[i] > most ? x[i] : most;
    for (int64_t i = 0; i < n && most > -INFINITY; ++i) sum += std::exp(x[i] - most);
    for (int64_t i = 0; i < n; ++i)
      y[i] = most > -INFINITY ? static_cast<float>(std::exp(x[i] - most) / sum) : 0.0f;
  }
}

}  // namespace
namespace tables {
extern const Kernel kernel_softmax_reference;
const Kernel kernel_softmax_reference{"softmax", "reference", kDeviceCpu, 0,       0,           Rounding::f32,
                                      nullptr,   nullptr,     run,        nullptr, "definition"};
}  // namespace tables
}  // namespace ridge
