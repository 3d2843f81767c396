#include "ops/patches/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const PatchesArgs*>(p);
  const auto* x = static_cast<const float*>(a.x.data);
  auto* y = static_cast<float*>(a.y.data);
  const int64_t images = a.x.dim[0], channels = a.x.dim[1], height = a.x.dim[2], width = a.x.dim[3];
  for (int64_t n = 0; n < images; ++n)
    for (int64_t i = 0; i < a.gh; ++i)
      for (int64_t j = 0; j < a.gw; ++j)
        for (int64_t c = 0; c < channels; ++c)
          for (int64_t r = 0; r < a.ph; ++r)
            for (int64_t s = 0; s < a.pw; ++s)
              y[(((n * a.gh + i) * a.gw + j) * channels + c) * a.ph * a.pw + r * a.pw + s] =
                  x[((n * channels + c) * height + i * a.ph + r) * width + j * a.pw + s];
}

}  // namespace
namespace tables {
extern const Kernel kernel_patches_reference;
const Kernel kernel_patches_reference{"patches", "reference", kDeviceCpu, 0,       0,           Rounding::f32,
                                      nullptr,   nullptr,     run,        nullptr, "definition"};
}  // namespace tables
}  // namespace ridge
