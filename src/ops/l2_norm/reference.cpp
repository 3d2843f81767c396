#include <algorithm>
#include <cmath>
#include "device/device.h"
#include "ops/l2_norm/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const L2NormArgs*>(p);
  for (int64_t r = 0; r < a.x.dim[0] * a.x.dim[1]; ++r) {
    const float* x =
        static_cast<const float*>(a.x.data) + r / a.x.dim[1] * a.x.stride[0] + r % a.x.dim[1] * a.x.stride[1];
    float* y = static_cast<float*>(a.y.data) + r * a.x.dim[2];
    double sum = 0;
    for (int64_t i = 0; i < a.x.dim[2]; ++i) sum += static_cast<double>(x[i]) * x[i];
    const double norm =
        a.eps_inside ? std::sqrt(sum + a.eps) : std::max(std::sqrt(sum), static_cast<double>(a.eps));
    for (int64_t i = 0; i < a.x.dim[2]; ++i) y[i] = static_cast<float>(a.scale * (x[i] / norm));
  }
}

}  // namespace

namespace tables {
extern const Kernel kernel_l2_norm_reference;
const Kernel kernel_l2_norm_reference{"l2_norm",
                                      "reference",
                                      DeviceKind::cpu,
                                      0,
                                      0,
                                      Rounding::f32,
                                      nullptr,
                                      nullptr,
                                      run,
                                      nullptr,
                                      "Yang et al. 2024, section 3.3"};
}  // namespace tables
}  // namespace ridge
