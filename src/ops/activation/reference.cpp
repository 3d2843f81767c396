#include "ops/activation/definitions.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const ActivationArgs*>(p);
  for (int64_t r = 0; r < a.y.dim[0]; ++r)
    for (int64_t i = 0; i < a.y.dim[1]; ++i)
      static_cast<float*>(a.y.data)[r * a.y.stride[0] + i] = static_cast<float>(
          activate(a.activation, static_cast<const float*>(a.x.data)[r * a.x.stride[0] + i]));
}

}  // namespace
namespace tables {
extern const Kernel kernel_activation_reference;
const Kernel kernel_activation_reference{
    "activation", "reference", kDeviceCpu, 0, 0, Rounding::f32, nullptr, nullptr, run, nullptr, "definition"};
}  // namespace tables
}  // namespace ridge
