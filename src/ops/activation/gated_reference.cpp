#include "ops/activation/definitions.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const GatedArgs*>(p);
  for (int64_t r = 0; r < a.y.dim[0]; ++r)
    for (int64_t i = 0; i < a.y.dim[1]; ++i)
      static_cast<float*>(a.y.data)[r * a.y.stride[0] + i] = static_cast<float>(
          activate(a.activation, static_cast<const float*>(a.gate.data)[r * a.gate.stride[0] + i]) *
          static_cast<const float*>(a.up.data)[r * a.up.stride[0] + i]);
}

}  // namespace
namespace tables {
extern const Kernel kernel_activation_gated_reference;
const Kernel kernel_activation_gated_reference{
    "gated", "reference", kDeviceCpu, 0, 0, Rounding::f32, nullptr, nullptr, run, nullptr, "Shazeer 2020"};
}  // namespace tables
}  // namespace ridge
