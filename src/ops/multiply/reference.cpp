#include "ops/multiply/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const MultiplyArgs*>(p);
  for (int64_t r = 0; r < a.y.dim[0]; ++r)
    for (int64_t i = 0; i < a.y.dim[1]; ++i)
      static_cast<float*>(a.y.data)[r * a.y.stride[0] + i] =
          static_cast<const float*>(a.a.data)[r * a.a.stride[0] + i] *
          static_cast<const float*>(a.b.data)[r * a.b.stride[0] + i * a.b.stride[1]];
}

}  // namespace
namespace tables {
extern const Kernel kernel_multiply_reference;
const Kernel kernel_multiply_reference{
    "multiply", "reference", kDeviceCpu, 0, 0, Rounding::f32, nullptr, nullptr, run, nullptr, "definition"};
}  // namespace tables
}  // namespace ridge
