#include <cmath>

#include "ops/layer_norm/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const LayerNormArgs*>(p);
  const int64_t n = a.x.dim[1];
  const auto *w = static_cast<const float*>(a.weight.data), *b = static_cast<const float*>(a.bias.data);
  for (int64_t r = 0; r < a.x.dim[0]; ++r) {
    const float* x = static_cast<const float*>(a.x.data) + r * a.x.stride[0];
    float* y = static_cast<float*>(a.y.data) + r * a.y.stride[0];
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; ++i) sum += x[i];
    const double mean = sum / static_cast<double>(n);
    for (int64_t i = 0; i < n; ++i) squares += (x[i] - mean) * (x[i] - mean);
    const double scale = 1 / std::sqrt(squares / static_cast<double>(n) + a.eps);
    for (int64_t i = 0; i < n; ++i)
      y[i] = static_cast<float>((x[i] - mean) * scale * w[i] + (b ? b[i] : 0.0f));
  }
}

}  // namespace
namespace tables {
extern const Kernel kernel_layer_norm_reference;
const Kernel kernel_layer_norm_reference{"layer_norm",           "reference", kDeviceCpu, 0,   0,
                                         Rounding::f32,          nullptr,     nullptr,    run, nullptr,
                                         "Ba et al. 2016, eq. 4"};
}  // namespace tables
}  // namespace ridge
