#include <cmath>

#include "device/device.h"
#include "ops/lerp/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const LerpArgs*>(p);
  const auto at = [](const View& v, int64_t r, int64_t i) {
    return static_cast<float*>(v.data) + r * v.stride[0] + i;
  };
  for (int64_t r = 0; r < a.y.dim[0]; ++r)
    for (int64_t i = 0; i < a.y.dim[1]; ++i) {
      const double x = *at(a.a, r, i), z = *at(a.b, r, i);
      *at(a.y, r, i) = static_cast<float>(x + (z - x) * *at(a.weight, r, i));
    }
}

}  // namespace

namespace tables {
extern const Kernel kernel_lerp_reference;
const Kernel kernel_lerp_reference{
    "lerp", "reference", DeviceKind::cpu,          0, 0, Rounding::f32, nullptr, nullptr,
    run,    nullptr,     "Peng et al. 2024, eq. 8"};
}  // namespace tables
}  // namespace ridge
