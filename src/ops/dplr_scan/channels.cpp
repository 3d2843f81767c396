// Channels over threads, each with all its sequences.
#include "device/device.h"
#include "ops/dplr_math.h"
#include "ops/dplr_scan/args.h"

namespace ridge {
namespace {

int64_t bytes_each(const DplrScanArgs& a) {
  return (kChannelArrays + 1) * a.system.n * static_cast<int64_t>(sizeof(Complex)) +
         true_output_doubles(a.system.n) * 8;
}
int64_t workspace(const void* p, int threads) {
  return bytes_each(*static_cast<const DplrScanArgs*>(p)) * threads;
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const DplrScanArgs*>(p);
  const int64_t n = a.system.n, channels = a.system.channels, length = a.u.dim[1];
  for_each_chunk(exec, channels, 1, [&](int64_t begin, int64_t end, int thread) {
    auto* memory = reinterpret_cast<Complex*>(static_cast<char*>(exec.workspace) + thread * bytes_each(a));
    Complex* x = memory + kChannelArrays * n;
    for (int64_t k = begin; k < end; ++k) {
      Channel h = channel_of(a.system, k, memory);
      true_output(h, a.system.c_length, reinterpret_cast<double*>(x + n));
      for (int64_t s = 0; s < a.u.dim[0]; ++s) {
        float* state = a.state ? a.state + (s * channels + k) * n * 2 : nullptr;
        for (int64_t i = 0; i < n; ++i)
          x[i] = state ? Complex{state[2 * i], state[2 * i + 1]} : Complex{0, 0};
        for (int64_t t = 0; t < length; ++t) {
          const int64_t at = (s * length + t) * channels + k;
          const double u = static_cast<const float*>(a.u.data)[at];
          advance(h, x);
          double sum = 0;
          for (int64_t i = 0; i < n; ++i) {
            x[i] = x[i] + u * h.db[i];
            sum += h.c[i].re * x[i].re - h.c[i].im * x[i].im;
          }
          static_cast<float*>(a.y.data)[at] = static_cast<float>(2 * sum + a.skip[k] * u);
        }
        for (int64_t i = 0; state && i < n; ++i)
          state[2 * i] = static_cast<float>(x[i].re), state[2 * i + 1] = static_cast<float>(x[i].im);
      }
    }
  });
}

}  // namespace

namespace tables {
extern const Kernel kernel_dplr_scan_channels;
const Kernel kernel_dplr_scan_channels{"dplr_scan",
                                       "channels",
                                       DeviceKind::cpu,
                                       0,
                                       10,
                                       Rounding::f32,
                                       nullptr,
                                       workspace,
                                       run,
                                       nullptr,
                                       "Gu et al. 2022, section C.2"};
}  // namespace tables
}  // namespace ridge
