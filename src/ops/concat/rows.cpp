#include <cstring>

#include "ops/concat/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const ConcatArgs*>(p);
  const int64_t heads = a.y.dim[1], n = a.y.dim[2];
  const auto at = [](const View& v, int64_t t, int64_t h) {
    return static_cast<const float*>(v.data) + t * v.stride[0] + h * v.stride[1];
  };
  for_each_chunk(exec, a.y.dim[0], 1 + 8192 / (heads * n + 1), [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t)
      for (int64_t h = 0; h < heads; ++h) {
        float* y = static_cast<float*>(a.y.data) + (t * heads + h) * n;
        std::memcpy(y, at(a.a, t, h), static_cast<size_t>(a.a.dim[2]) * 4);
        std::memcpy(y + a.a.dim[2], at(a.b, t, h), static_cast<size_t>(a.b.dim[2]) * 4);
      }
  });
}

}  // namespace
namespace tables {
extern const Kernel kernel_concat_rows;
const Kernel kernel_concat_rows{"concat", "rows",  kDeviceCpu, 0,       10,          Rounding::f32,
                                nullptr,  nullptr, run,        nullptr, "definition"};
}  // namespace tables
}  // namespace ridge
