// The definition, element by element.
#include "ops/unfold/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const UnfoldArgs*>(p);
  const auto* x = static_cast<const float*>(a.x.data);
  auto* y = static_cast<float*>(a.y.data);
  const int64_t length = a.x.dim[1], channels = a.x.dim[2];
  for (int64_t i = 0; i < a.x.dim[0]; ++i)
    for (int64_t t = 0; t < a.windows; ++t)
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t k = 0; k < a.width; ++k) {
          const int64_t at = t * a.stride + k - a.padding;
          y[((i * a.windows + t) * channels + c) * a.width + k] =
              at < 0 || at >= length ? 0 : x[i * a.x.stride[0] + at * a.x.stride[1] + c * a.x.stride[2]];
        }
}

}  // namespace
namespace tables {
extern const Kernel kernel_unfold_reference;
const Kernel kernel_unfold_reference{"unfold",
                                     "reference",
                                     kDeviceCpu,
                                     0,
                                     0,
                                     Rounding::f32,
                                     nullptr,
                                     nullptr,
                                     run,
                                     nullptr,
                                     "Chellapilla et al. 2006"};
}  // namespace tables
}  // namespace ridge
