#include "ops/linear/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& m = *static_cast<const MatmulArgs*>(p);
  const auto at = [](const View& v, int64_t i, int64_t j) -> float& {
    return static_cast<float*>(v.data)[i * v.stride[0] + j * v.stride[1]];
  };
  for (int64_t i = 0; i < m.c.dim[0]; ++i)
    for (int64_t j = 0; j < m.c.dim[1]; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < m.b.dim[0]; ++l) sum += static_cast<double>(at(m.a, i, l)) * at(m.b, l, j);
      at(m.c, i, j) = static_cast<float>(sum);
    }
}

}  // namespace
namespace tables {
extern const Kernel kernel_linear_matmul_reference;
const Kernel kernel_linear_matmul_reference{
    "matmul", "reference", kDeviceCpu, 0, 0, Rounding::f32, nullptr, nullptr, run, nullptr, "definition"};
}  // namespace tables
}  // namespace ridge
