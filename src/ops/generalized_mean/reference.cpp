#include <cmath>

#include "device/device.h"
#include "ops/generalized_mean/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const GeneralizedMeanArgs*>(p);
  const int64_t rows = a.x.dim[1], n = a.x.dim[2];
  for (int64_t g = 0; g < a.x.dim[0]; ++g)
    for (int64_t c = 0; c < n; ++c) {
      const auto at = [&](int64_t r) {
        return static_cast<double>(static_cast<const float*>(a.x.data)[(g * rows + r) * n + c]);
      };
      double least = at(0), sum = 0;
      for (int64_t r = 1; r < rows; ++r) least = std::fmin(least, at(r));
      for (int64_t r = 0; r < rows; ++r) sum += std::pow(at(r) - least + 1, static_cast<double>(a.power));
      static_cast<float*>(a.y.data)[g * n + c] =
          static_cast<float>(std::pow(sum / static_cast<double>(rows), 1.0 / a.power) + least - 1);
    }
}

}  // namespace
namespace tables {
extern const Kernel kernel_generalized_mean_reference;
const Kernel kernel_generalized_mean_reference{"generalized_mean",     "reference", kDeviceCpu, 0,   0,
                                               Rounding::f32,          nullptr,     nullptr,    run, nullptr,
                                               "Radenovic et al. 2018"};
}  // namespace tables
}  // namespace ridge
