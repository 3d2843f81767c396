#include "formats/half.h"
#include "ops/scatter_rows/args.h"
#include "tensor/half_codes.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const ScatterRowsArgs*>(p);
  const int code = half_code(a.cache);
  for (int64_t t = 0; t < a.x.dim[0]; ++t)
    for (int64_t h = 0; h < a.x.dim[1]; ++h)
      for (int64_t i = 0; i < a.x.dim[2]; ++i) {
        const float x = static_cast<const float*>(a.x.data)[t * a.x.stride[0] + h * a.x.stride[1] + i];
        const int64_t to =
            static_cast<const int32_t*>(a.rows.data)[t] * a.cache.stride[0] + h * a.cache.stride[1] + i;
        if (code == 0)
          static_cast<float*>(a.cache.data)[to] = x;
        else
          static_cast<uint16_t*>(a.cache.data)[to] = code == 1 ? f16_of_f32(x) : bf16_of_f32(x);
      }
}

}  // namespace
namespace tables {
extern const Kernel kernel_scatter_rows_reference;
const Kernel kernel_scatter_rows_reference{"scatter_rows", "reference", kDeviceCpu, 0,   0,
                                           Rounding::f32,  nullptr,     nullptr,    run, nullptr,
                                           "definition"};
}  // namespace tables
}  // namespace ridge
