#include <cmath>

#include "ops/causal_conv1d/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const CausalConv1dArgs*>(p);
  const int64_t channels = a.x.dim[1], width = a.weight.dim[1], past = width - 1;
  const auto* w = static_cast<const float*>(a.weight.data);
  const auto* bias = static_cast<const float*>(a.bias.data);
  const auto* state = static_cast<const float*>(a.state.data);
  for (int64_t i = 0; i < a.span_count; ++i) {
    const SequenceSpan& s = a.spans[i];
    const auto input = [&](int64_t t, int64_t c) -> double {
      if (t >= 0) return static_cast<const float*>(a.x.data)[(s.begin + t) * a.x.stride[0] + c];
      return state ? state[(s.slot * past + past + t) * channels + c] : 0.0f;
    };
    for (int64_t t = 0; t < s.length; ++t)
      for (int64_t c = 0; c < channels; ++c) {
        double z = bias ? bias[c] : 0.0f;
        for (int64_t j = 0; j < width; ++j) z += w[c * width + j] * input(t - past + j, c);
        if (a.silu) z = z / (1 + std::exp(-z));
        static_cast<float*>(a.y.data)[(s.begin + t) * a.y.stride[0] + c] = static_cast<float>(z);
      }
    if (state) remember_inputs(a, s);
  }
}

}  // namespace

namespace tables {
extern const Kernel kernel_causal_conv1d_reference;
const Kernel kernel_causal_conv1d_reference{"causal_conv1d",
                                            "reference",
                                            DeviceKind::cpu,
                                            0,
                                            0,
                                            Rounding::f32,
                                            nullptr,
                                            nullptr,
                                            run,
                                            nullptr,
                                            "Gu and Dao 2023, section 3.4"};
}  // namespace tables
}  // namespace ridge
