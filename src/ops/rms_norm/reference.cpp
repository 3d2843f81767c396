#include <cmath>

#include "device/device.h"
#include "ops/rms_norm/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const RmsNormArgs*>(p);
  const int64_t n = a.x.dim[1];
  const auto* w = static_cast<const float*>(a.weight.data);
  for (int64_t r = 0; r < a.x.dim[0]; ++r) {
    const float* x = static_cast<const float*>(a.x.data) + r * a.x.stride[0];
    float* y = static_cast<float*>(a.y.data) + r * a.y.stride[0];
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
    const double scale = 1 / std::sqrt(sum / static_cast<double>(n) + a.eps);
    for (int64_t i = 0; i < n; ++i)
      y[i] = static_cast<float>(x[i] * scale * (static_cast<double>(a.offset) + w[i]));
  }
}

}  // namespace

namespace tables {
extern const Kernel kernel_rms_norm_reference;
const Kernel kernel_rms_norm_reference{"rms_norm",
                                       "reference",
                                       DeviceKind::cpu,
                                       0,
                                       0,
                                       Rounding::f32,
                                       nullptr,
                                       nullptr,
                                       run,
                                       nullptr,
                                       "Zhang and Sennrich 2019, eq. 4"};
}  // namespace tables
}  // namespace ridge
