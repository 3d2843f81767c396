#include <vector>

#include "device/device.h"
#include "ops/dplr_math.h"
#include "ops/dplr_scan/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const DplrScanArgs*>(p);
  const int64_t n = a.system.n, channels = a.system.channels, length = a.u.dim[1];
  std::vector<Complex> memory(static_cast<size_t>(kChannelArrays * n)), x(static_cast<size_t>(n));
  std::vector<double> more(static_cast<size_t>(true_output_doubles(n)));
  for (int64_t k = 0; k < channels; ++k) {
    Channel h = channel_of(a.system, k, memory.data());
    true_output(h, a.system.c_length, more.data());
    for (int64_t s = 0; s < a.u.dim[0]; ++s) {
      float* state = a.state ? a.state + (s * channels + k) * n * 2 : nullptr;
      for (int64_t i = 0; i < n; ++i)
        x[static_cast<size_t>(i)] = state ? Complex{state[2 * i], state[2 * i + 1]} : Complex{0, 0};
      for (int64_t t = 0; t < length; ++t) {
        const int64_t at = (s * length + t) * channels + k;
        const double u = static_cast<const float*>(a.u.data)[at];
        advance(h, x.data());
        for (int64_t i = 0; i < n; ++i) x[static_cast<size_t>(i)] = x[static_cast<size_t>(i)] + u * h.db[i];
        static_cast<float*>(a.y.data)[at] =
            static_cast<float>(twice_real_dot(n, h.c, x.data(), false) + a.skip[k] * u);
      }
      for (int64_t i = 0; state && i < n; ++i)
        state[2 * i] = static_cast<float>(x[static_cast<size_t>(i)].re),
                  state[2 * i + 1] = static_cast<float>(x[static_cast<size_t>(i)].im);
    }
  }
}

}  // namespace

namespace tables {
extern const Kernel kernel_dplr_scan_reference;
const Kernel kernel_dplr_scan_reference{"dplr_scan",
                                        "reference",
                                        DeviceKind::cpu,
                                        0,
                                        0,
                                        Rounding::f32,
                                        nullptr,
                                        nullptr,
                                        run,
                                        nullptr,
                                        "Gu et al. 2022, eq. 3 and section C.2"};
}  // namespace tables
}  // namespace ridge
