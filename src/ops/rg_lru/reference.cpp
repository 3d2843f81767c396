#include <cmath>

#include "device/device.h"
#include "ops/rg_lru/args.h"

namespace ridge {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const RgLruArgs*>(p);
  const int64_t n = a.x.dim[1];
  const auto at = [](const View& v, int64_t t, int64_t i) {
    return static_cast<double>(static_cast<const float*>(v.data)[t * v.stride[0] + i]);
  };
  for (int64_t s = 0; s < a.span_count; ++s)
    for (int64_t i = 0; i < n; ++i) {
      const SequenceSpan& span = a.spans[s];
      float* state = a.state.data ? static_cast<float*>(a.state.data) + span.slot * n + i : nullptr;
      const double parameter = static_cast<const float*>(a.parameter.data)[i];
      const double rate =
          parameter > 0 ? parameter + std::log1p(std::exp(-parameter)) : std::log1p(std::exp(parameter));
      double h = state ? *state : 0;
      for (int64_t t = span.begin; t < span.begin + span.length; ++t) {
        const double log_a = -8 * rate * sigmoid(at(a.forget, t, i)),
                     x = sigmoid(at(a.input, t, i)) * at(a.x, t, i);
        h = a.positions[t] == 0 ? x : std::exp(log_a) * h + std::sqrt(-std::expm1(2 * log_a)) * x;
        static_cast<float*>(a.y.data)[t * n + i] = static_cast<float>(h);
      }
      if (state) *state = static_cast<float>(h);
    }
}

}  // namespace

namespace tables {
extern const Kernel kernel_rg_lru_reference;
const Kernel kernel_rg_lru_reference{"rg_lru",
                                     "reference",
                                     DeviceKind::cpu,
                                     0,
                                     0,
                                     Rounding::f32,
                                     nullptr,
                                     nullptr,
                                     run,
                                     nullptr,
                                     "De et al. 2024, section 2.4"};
}  // namespace tables
}  // namespace ridge
