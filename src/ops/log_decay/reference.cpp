#include <cmath>

#include "device/device.h"
#include "ops/log_decay/args.h"

namespace ridge {
namespace {

double value(double x, Decay decay) {
  switch (decay) {
    case Decay::exp:
      return -std::exp(x);
    case Decay::sigmoid:
      return -std::exp(-0.5) / (1 + std::exp(-x));
    case Decay::softplus:
      return x > 0 ? -x - std::log1p(std::exp(-x)) : -std::log1p(std::exp(x));
  }
  return 0;
}

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const LogDecayArgs*>(p);
  const auto *bias = static_cast<const float*>(a.bias.data), *rate = static_cast<const float*>(a.rate.data);
  for (int64_t r = 0; r < a.x.dim[0]; ++r)
    for (int64_t i = 0; i < a.x.dim[1]; ++i) {
      const double x =
          static_cast<const float*>(a.x.data)[r * a.x.stride[0] + i] + (bias ? double{bias[i]} : 0.0);
      static_cast<float*>(a.y.data)[r * a.y.stride[0] + i] =
          static_cast<float>((rate ? double{rate[i]} : 1.0) * value(x, a.decay));
    }
}

}  // namespace

namespace tables {
extern const Kernel kernel_log_decay_reference;
const Kernel kernel_log_decay_reference{"log_decay",
                                        "reference",
                                        DeviceKind::cpu,
                                        0,
                                        0,
                                        Rounding::f32,
                                        nullptr,
                                        nullptr,
                                        run,
                                        nullptr,
                                        "Peng et al. 2024, eq. 17; 2025, eq. 13"};
}  // namespace tables
}  // namespace ridge
