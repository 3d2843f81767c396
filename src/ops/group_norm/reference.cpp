#include <cmath>

#include "device/device.h"
#include "ops/group_norm/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const GroupNormArgs*>(p);
  const int64_t d = a.x.dim[1] / a.groups;
  const auto *w = static_cast<const float*>(a.weight.data), *b = static_cast<const float*>(a.bias.data);
  for (int64_t r = 0; r < a.x.dim[0]; ++r)
    for (int64_t g = 0; g < a.groups; ++g) {
      const float* x = static_cast<const float*>(a.x.data) + r * a.x.stride[0] + g * d;
      float* y = static_cast<float*>(a.y.data) + r * a.y.stride[0] + g * d;
      double mean = 0, variance = 0;
      for (int64_t i = 0; i < d; ++i) mean += x[i];
      mean /= static_cast<double>(d);
      for (int64_t i = 0; i < d; ++i) variance += (x[i] - mean) * (x[i] - mean);
      variance /= static_cast<double>(d);
      for (int64_t i = 0; i < d; ++i)
        y[i] = static_cast<float>((x[i] - mean) / std::sqrt(variance + a.eps) * w[g * d + i] + b[g * d + i]);
    }
}

}  // namespace

namespace tables {
extern const Kernel kernel_group_norm_reference;
const Kernel kernel_group_norm_reference{"group_norm",           "reference", DeviceKind::cpu, 0,   0,
                                         Rounding::f32,          nullptr,     nullptr,         run, nullptr,
                                         "Wu and He 2018, eq. 1"};
}  // namespace tables
}  // namespace ridge
