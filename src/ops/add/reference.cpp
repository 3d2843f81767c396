#include "ops/add/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const AddArgs*>(p);
  for (int64_t r = 0; r < a.y.dim[0]; ++r)
    for (int64_t i = 0; i < a.y.dim[1]; ++i)
      static_cast<float*>(a.y.data)[r * a.y.stride[0] + i] = static_cast<float>(
          static_cast<double>(static_cast<const float*>(a.a.data)[r * a.a.stride[0] + i]) +
          static_cast<double>(a.scale) *
              static_cast<const float*>(a.b.data)[(a.b.dim[0] == 1 ? 0 : r * a.b.stride[0]) + i]);
}

}  // namespace
namespace tables {
extern const Kernel kernel_add_reference;
const Kernel kernel_add_reference{"add",   "reference", kDeviceCpu, 0,       0,           Rounding::f32,
                                  nullptr, nullptr,     run,        nullptr, "definition"};
}  // namespace tables
}  // namespace ridge
