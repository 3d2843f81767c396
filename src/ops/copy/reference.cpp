#include "ops/copy/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const CopyArgs*>(p);
  const auto at = [](const View& v, int64_t i, int64_t j, int64_t k, int64_t l) -> float& {
    return static_cast<float*>(v.data)[i * v.stride[0] + j * v.stride[1] + k * v.stride[2] + l * v.stride[3]];
  };
  for (int64_t i = 0; i < a.y.dim[0]; ++i)
    for (int64_t j = 0; j < a.y.dim[1]; ++j)
      for (int64_t k = 0; k < a.y.dim[2]; ++k)
        for (int64_t l = 0; l < a.y.dim[3]; ++l) at(a.y, i, j, k, l) = at(a.x, i, j, k, l);
}

}  // namespace
namespace tables {
extern const Kernel kernel_copy_reference;
const Kernel kernel_copy_reference{"copy",  "reference", kDeviceCpu, 0,       0,           Rounding::f32,
                                   nullptr, nullptr,     run,        nullptr, "definition"};
}  // namespace tables
}  // namespace ridge
