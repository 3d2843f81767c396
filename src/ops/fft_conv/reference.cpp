#include <cmath>

#include "device/device.h"
#include "ops/fft_conv/args.h"

namespace ridge {
namespace {

// The sum as it stands.
void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const FftConvArgs*>(p);
  const int64_t length = a.u.dim[1], channels = a.u.dim[2], taps = a.k.dim[1];
  const auto *k = static_cast<const float*>(a.k.data), *skip = static_cast<const float*>(a.skip.data);
  for (int64_t s = 0; s < a.u.dim[0]; ++s)
    for (int64_t h = 0; h < channels; ++h) {
      const float* u = static_cast<const float*>(a.u.data) + s * length * channels + h;
      float* y = static_cast<float*>(a.y.data) + s * length * channels + h;
      for (int64_t t = 0; t < length; ++t) {
        double sum = static_cast<double>(skip[h]) * u[t * channels];
        for (int64_t j = 0; j <= t; ++j) sum += static_cast<double>(k[h * taps + j]) * u[(t - j) * channels];
        y[t * channels] = static_cast<float>(sum);
      }
    }
}

}  // namespace

namespace tables {
extern const Kernel kernel_fft_conv_reference;
const Kernel kernel_fft_conv_reference{"fft_conv", "reference",   DeviceKind::cpu, 0,
                                       0,          Rounding::f32, nullptr,         nullptr,
                                       run,        nullptr,       "the definition"};
}  // namespace tables
}  // namespace ridge
