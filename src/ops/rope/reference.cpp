#include <cmath>

#include "ops/rope/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const RopeArgs*>(p);
  const int64_t heads = a.x.dim[1], d = a.x.dim[2], half = a.frequencies.dim[0];
  for (int64_t t = 0; t < a.x.dim[0]; ++t)
    for (int64_t h = 0; h < heads; ++h) {
      const float* x = static_cast<const float*>(a.x.data) + t * a.x.stride[0] + h * a.x.stride[1];
      float* y = static_cast<float*>(a.y.data) + (t * heads + h) * d;
      for (int64_t i = 0; i < half; ++i) {
        const float position = static_cast<float>(static_cast<const int32_t*>(a.positions.data)[t]);
        const float angle =
            position * static_cast<const float*>(a.frequencies.data)[i];  // in f32, by contract
        const double c = std::cos(static_cast<double>(angle)) * a.factor;
        const double s = std::sin(static_cast<double>(angle)) * a.factor * a.direction;
        const int64_t j = a.interleaved ? 2 * i : i, k = a.interleaved ? 2 * i + 1 : i + half;
        y[j] = static_cast<float>(c * x[j] - s * x[k]);
        y[k] = static_cast<float>(s * x[j] + c * x[k]);
      }
      for (int64_t i = 2 * half; i < d; ++i) y[i] = x[i];
    }
}

}  // namespace
namespace tables {
extern const Kernel kernel_rope_reference;
const Kernel kernel_rope_reference{"rope",
                                   "reference",
                                   kDeviceCpu,
                                   0,
                                   0,
                                   Rounding::f32,
                                   nullptr,
                                   nullptr,
                                   run,
                                   nullptr,
                                   "Su et al. 2021, eq. 34"};
}  // namespace tables
}  // namespace ridge
