// The system as it is run: an input of 1, and step after step.
#include <vector>

#include "device/device.h"
#include "ops/dplr_kernel/args.h"
#include "ops/dplr_math.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const DplrKernelArgs*>(p);
  const int64_t n = a.system.n, length = a.y.dim[1];
  std::vector<Complex> memory(static_cast<size_t>(kChannelArrays * n));
  std::vector<double> more(static_cast<size_t>(true_output_doubles(n)));
  for (int64_t k = 0; k < a.system.channels; ++k) {
    Channel h = channel_of(a.system, k, memory.data());
    true_output(h, a.system.c_length, more.data());
    std::vector<Complex> x(h.db, h.db + n);
    for (int64_t j = 0; j < length; ++j) {
      static_cast<float*>(a.y.data)[k * length + j] =
          static_cast<float>(twice_real_dot(n, h.c, x.data(), false));
      advance(h, x.data());
    }
  }
}

}  // namespace

namespace tables {
extern const Kernel kernel_dplr_kernel_reference;
const Kernel kernel_dplr_kernel_reference{"dplr_kernel",          "reference", DeviceKind::cpu, 0,   0,
                                          Rounding::f32,          nullptr,     nullptr,         run, nullptr,
                                          "Gu et al. 2022, eq. 5"};
}  // namespace tables
}  // namespace ridge
