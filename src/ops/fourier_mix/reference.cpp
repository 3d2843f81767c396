// The definition, in double: two sums.
#include <cmath>

#include "device/device.h"
#include "ops/fourier_mix/args.h"

namespace ridge {
namespace {

int64_t workspace(const void* p, int) {
  const auto& a = *static_cast<const FourierMixArgs*>(p);
  return 2 * a.x.dim[0] * a.x.dim[1] * static_cast<int64_t>(sizeof(double));
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const FourierMixArgs*>(p);
  const int64_t h = a.x.dim[1];
  const auto* x = static_cast<const float*>(a.x.data);
  auto* y = static_cast<float*>(a.y.data);
  auto* re = static_cast<double*>(exec.workspace);
  double* im = re + a.x.dim[0] * h;
  const double turn = -2 * std::acos(-1.0);
  const auto angle = [&](int64_t i, int64_t j, int64_t n) {
    return turn * static_cast<double>(i * j % n) / static_cast<double>(n);
  };
  for (int64_t s = 0; s < a.span_count; ++s) {
    const int64_t begin = a.spans[s].begin, n = a.spans[s].length;
    for (int64_t t = begin; t < begin + n; ++t)
      for (int64_t k = 0; k < h; ++k) {
        double c = 0, d = 0;
        for (int64_t j = 0; j < h; ++j)
          c += x[t * h + j] * std::cos(angle(j, k, h)), d += x[t * h + j] * std::sin(angle(j, k, h));
        re[t * h + k] = c, im[t * h + k] = d;
      }
    for (int64_t m = 0; m < n; ++m)
      for (int64_t k = 0; k < h; ++k) {
        double sum = 0;
        for (int64_t t = 0; t < n; ++t)
          sum += re[(begin + t) * h + k] * std::cos(angle(t, m, n)) -
                 im[(begin + t) * h + k] * std::sin(angle(t, m, n));
        y[(begin + m) * h + k] = static_cast<float>(sum);
      }
  }
}

}  // namespace
namespace tables {
extern const Kernel kernel_fourier_mix_reference;
const Kernel kernel_fourier_mix_reference{"fourier_mix",
                                          "reference",
                                          kDeviceCpu,
                                          0,
                                          0,
                                          Rounding::f32,
                                          nullptr,
                                          workspace,
                                          run,
                                          nullptr,
                                          "Lee-Thorp et al. 2022, section 3.2"};
}  // namespace tables
}  // namespace ridge
