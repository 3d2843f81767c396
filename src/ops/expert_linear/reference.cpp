// The definition: each slot by itself, decoding its expert's rows, sums in double.
#include "ops/expert_linear/args.h"
#include "tensor/format.h"

namespace ridge {
namespace {

int64_t workspace(const void* p, int) { return static_cast<const ExpertLinearArgs*>(p)->w.dim[2] * 4; }

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const ExpertLinearArgs*>(p);
  const Format& format = *a.w.format;
  auto* const row = static_cast<float*>(exec.workspace);
  const int64_t rows = a.w.dim[1], k = a.w.dim[2];
  for (int64_t s = 0; s < a.ids.dim[0]; ++s) {
    const int64_t e = static_cast<const int32_t*>(a.ids.data)[s];
    const float* x = static_cast<const float*>(a.x.data) + s / a.slots_a_row * a.x.stride[0];
    for (int64_t n = 0; n < rows; ++n) {
      const int64_t at = e * a.w.stride[0] + n * a.w.stride[1];
      format.decode(static_cast<const char*>(a.w.data) + at / format.block * format.bytes, row, k);
      double sum = a.bias.data ? static_cast<const float*>(a.bias.data)[e * a.bias.stride[0] + n] : 0.0f;
      for (int64_t i = 0; i < k; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(row[i]);
      static_cast<float*>(a.y.data)[s * rows + n] = static_cast<float>(sum);
    }
  }
}

}  // namespace
namespace tables {
extern const Kernel kernel_expert_linear_reference;
const Kernel kernel_expert_linear_reference{"expert_linear", "reference", kDeviceCpu, 0,   0,
                                            Rounding::f32,   nullptr,     workspace,  run, nullptr,
                                            "definition"};
}  // namespace tables
}  // namespace ridge
