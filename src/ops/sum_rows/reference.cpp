#include "ops/sum_rows/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const SumRowsArgs*>(p);
  for (int64_t i = 0; i < a.x.dim[1]; ++i) {
    double sum = 0;
    for (int64_t r = 0; r < a.x.dim[0]; ++r)
      sum += static_cast<const float*>(a.x.data)[r * a.x.stride[0] + i];
    static_cast<float*>(a.y.data)[i] = static_cast<float>(sum);
  }
}

}  // namespace
namespace tables {
extern const Kernel kernel_sum_rows_reference;
const Kernel kernel_sum_rows_reference{
    "sum_rows", "reference", kDeviceCpu, 0, 0, Rounding::f32, nullptr, nullptr, run, nullptr, "definition"};
}  // namespace tables
}  // namespace ridge
