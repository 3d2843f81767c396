// Each row's dot product; sums in double.
#include "ops/multiply/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const DotRowsArgs*>(p);
  const int64_t n = a.a.dim[1];
  for_each_chunk(exec, a.a.dim[0], 1 + 8192 / (n + 1), [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float* x = static_cast<const float*>(a.a.data) + r * a.a.stride[0];
      const float* y = static_cast<const float*>(a.b.data) + r * a.b.stride[0];
      double sum = 0;
      for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(y[i]);
      static_cast<float*>(a.y.data)[r] = static_cast<float>(sum);
    }
  });
}

}  // namespace
namespace tables {
extern const Kernel kernel_multiply_dot_rows;
const Kernel kernel_multiply_dot_rows{"dot_rows", "rows",  kDeviceCpu, 0,       10,          Rounding::f32,
                                      nullptr,    nullptr, run,        nullptr, "definition"};
}  // namespace tables
}  // namespace ridge
