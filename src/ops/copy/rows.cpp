// Rows over threads: whole ones at once where the last dimension is dense, else element by element.
#include <cstring>

#include "ops/copy/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const CopyArgs*>(p);
  const int64_t n = a.y.dim[3], rows = a.y.dim[0] * a.y.dim[1] * a.y.dim[2], step = a.x.stride[3];
  if (n == 0) return;
  for_each_chunk(exec, rows, 1 + 16384 / n, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t k = r % a.y.dim[2], j = r / a.y.dim[2] % a.y.dim[1], i = r / a.y.dim[2] / a.y.dim[1];
      const float* x =
          static_cast<const float*>(a.x.data) + i * a.x.stride[0] + j * a.x.stride[1] + k * a.x.stride[2];
      float* y = static_cast<float*>(a.y.data) + r * n;
      if (step == 1 || n == 1)
        std::memcpy(y, x, static_cast<size_t>(n) * 4);
      else
        for (int64_t l = 0; l < n; ++l) y[l] = x[l * step];
    }
  });
}

}  // namespace
namespace tables {
extern const Kernel kernel_copy_rows;
const Kernel kernel_copy_rows{"copy",  "rows",  kDeviceCpu, 0,       10,          Rounding::f32,
                              nullptr, nullptr, run,        nullptr, "definition"};
}  // namespace tables
}  // namespace ridge
