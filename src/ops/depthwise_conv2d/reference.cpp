#include "ops/depthwise_conv2d/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const DepthwiseConv2dArgs*>(p);
  const auto* x = static_cast<const float*>(a.x.data);
  const auto* w = static_cast<const float*>(a.w.data);
  const auto* bias = static_cast<const float*>(a.bias.data);
  auto* y = static_cast<float*>(a.y.data);
  const int64_t height = a.x.dim[1], width = a.x.dim[2], channels = a.x.dim[3];
  for (int64_t n = 0; n < a.y.dim[0]; ++n)
    for (int64_t i = 0; i < a.y.dim[1]; ++i)
      for (int64_t j = 0; j < a.y.dim[2]; ++j)
        for (int64_t c = 0; c < channels; ++c) {
          double sum = bias ? bias[c] : 0;
          for (int64_t r = 0; r < a.k; ++r)
            for (int64_t s = 0; s < a.k; ++s) {
              const int64_t row = i * a.stride + r - a.k / 2, column = j * a.stride + s - a.k / 2;
              if (row < 0 || row >= height || column < 0 || column >= width) continue;
              sum += static_cast<double>(w[(r * a.k + s) * channels + c]) *
                     x[((n * height + row) * width + column) * channels + c];
            }
          y[((n * a.y.dim[1] + i) * a.y.dim[2] + j) * channels + c] = static_cast<float>(sum);
        }
}

}  // namespace
namespace tables {
extern const Kernel kernel_depthwise_conv2d_reference;
const Kernel kernel_depthwise_conv2d_reference{"depthwise_conv2d",
                                               "reference",
                                               kDeviceCpu,
                                               0,
                                               0,
                                               Rounding::f32,
                                               nullptr,
                                               nullptr,
                                               run,
                                               nullptr,
                                               "Howard et al. 2017, section 3.1"};
}  // namespace tables
}  // namespace ridge
