#include <cmath>

#include "device/device.h"
#include "ops/head_bonus/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const HeadBonusArgs*>(p);
  const int64_t heads = a.y.dim[1], d = a.y.dim[2];
  const auto at = [&](const View& v, int64_t t, int64_t h) {
    return static_cast<float*>(v.data) + t * v.stride[0] + h * d;
  };
  for (int64_t t = 0; t < a.y.dim[0]; ++t)
    for (int64_t h = 0; h < heads; ++h) {
      const float *r = at(a.r, t, h), *k = at(a.k, t, h), *v = at(a.v, t, h);
      const float* u = static_cast<const float*>(a.u.data) + h * d;
      double sum = 0;
      for (int64_t i = 0; i < d; ++i) sum += static_cast<double>(r[i]) * u[i] * k[i];
      for (int64_t i = 0; i < d; ++i) at(a.y, t, h)[i] = static_cast<float>(sum * v[i]);
    }
}

}  // namespace

namespace tables {
extern const Kernel kernel_head_bonus_reference;
const Kernel kernel_head_bonus_reference{
    "head_bonus", "reference", DeviceKind::cpu,           0, 0, Rounding::f32, nullptr, nullptr,
    run,          nullptr,     "Peng et al. 2025, eq. 21"};
}  // namespace tables
}  // namespace ridge
