#include "ops/concat/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const ConcatArgs*>(p);
  const int64_t first = a.a.dim[2], n = a.y.dim[2];
  for (int64_t t = 0; t < a.y.dim[0]; ++t)
    for (int64_t h = 0; h < a.y.dim[1]; ++h)
      for (int64_t i = 0; i < n; ++i) {
        const View& from = i < first ? a.a : a.b;
        static_cast<float*>(a.y.data)[(t * a.y.dim[1] + h) * n + i] = static_cast<const float*>(
            from.data)[t * from.stride[0] + h * from.stride[1] + (i < first ? i : i - first)];
      }
}

}  // namespace
namespace tables {
extern const Kernel kernel_concat_reference;
const Kernel kernel_concat_reference{"concat", "reference", kDeviceCpu, 0,       0,           Rounding::f32,
                                     nullptr,  nullptr,     run,        nullptr, "definition"};
}  // namespace tables
}  // namespace ridge
