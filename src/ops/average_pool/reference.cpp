#include "ops/average_pool/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const AveragePoolArgs*>(p);
  const auto* x = static_cast<const float*>(a.x.data);
  auto* y = static_cast<float*>(a.y.data);
  const int64_t height = a.x.dim[1], width = a.x.dim[2], channels = a.x.dim[3];
  const int64_t oh = a.y.dim[1], ow = a.y.dim[2];
  for (int64_t n = 0; n < a.y.dim[0]; ++n)
    for (int64_t i = 0; i < oh; ++i)
      for (int64_t j = 0; j < ow; ++j)
        for (int64_t c = 0; c < channels; ++c) {
          const int64_t top = i * height / oh, bottom = ((i + 1) * height + oh - 1) / oh;
          const int64_t left = j * width / ow, right = ((j + 1) * width + ow - 1) / ow;
          double sum = 0;
          for (int64_t r = top; r < bottom; ++r)
            for (int64_t s = left; s < right; ++s) sum += x[((n * height + r) * width + s) * channels + c];
          y[((n * oh + i) * ow + j) * channels + c] =
              static_cast<float>(sum / static_cast<double>((bottom - top) * (right - left)));
        }
}

}  // namespace
namespace tables {
extern const Kernel kernel_average_pool_reference;
const Kernel kernel_average_pool_reference{"average_pool", "reference", kDeviceCpu, 0,   0,
                                           Rounding::f32,  nullptr,     nullptr,    run, nullptr,
                                           "definition"};
}  // namespace tables
}  // namespace ridge
