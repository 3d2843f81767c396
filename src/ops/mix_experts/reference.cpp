#include "ops/mix_experts/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const MixExpertsArgs*>(p);
  const int64_t k = a.x.dim[1], n = a.x.dim[2];
  for (int64_t t = 0; t < a.y.dim[0]; ++t)
    for (int64_t i = 0; i < n; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < k; ++j)
        sum += static_cast<double>(static_cast<const float*>(a.weights.data)[t * k + j]) *
               static_cast<double>(static_cast<const float*>(a.x.data)[(t * k + j) * n + i]);
      static_cast<float*>(a.y.data)[t * n + i] = static_cast<float>(sum);
    }
}

}  // namespace
namespace tables {
extern const Kernel kernel_mix_experts_reference;
const Kernel kernel_mix_experts_reference{"mix_experts", "reference", kDeviceCpu, 0,   0,
                                          Rounding::f32, nullptr,     nullptr,    run, nullptr,
                                          "definition"};
}  // namespace tables
}  // namespace ridge
