// The definition: decode a row of weights by the format's own scalar rule, multiply and add in double.
#include "ops/linear/args.h"
#include "tensor/format.h"

namespace ridge {
namespace {

int64_t workspace(const void* p, int) { return static_cast<const LinearArgs*>(p)->w.dim[1] * 4; }

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const LinearArgs*>(p);
  const Format& format = *a.w.format;
  auto* row = static_cast<float*>(exec.workspace);
  const int64_t k = a.w.dim[1];
  for (int64_t n = 0; n < a.w.dim[0]; ++n) {
    format.decode(static_cast<const char*>(a.w.data) + n * a.w.stride[0] / format.block * format.bytes, row,
                  k);
    for (int64_t m = 0; m < a.x.dim[0]; ++m) {
      const float* x = static_cast<const float*>(a.x.data) + m * a.x.stride[0];
      double sum = a.bias.data ? static_cast<const float*>(a.bias.data)[n] : 0.0;
      for (int64_t i = 0; i < k; ++i) sum += static_cast<double>(x[i]) * row[i];
      static_cast<float*>(a.y.data)[m * a.y.stride[0] + n] = static_cast<float>(sum);
    }
  }
}

}  // namespace
namespace tables {
extern const Kernel kernel_linear_reference;
const Kernel kernel_linear_reference{"linear", "reference", kDeviceCpu, 0,       0,           Rounding::f32,
                                     nullptr,  workspace,   run,        nullptr, "definition"};
}  // namespace tables
}  // namespace ridge
