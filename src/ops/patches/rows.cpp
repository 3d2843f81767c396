// Whole rows of a patch at a time, patches over threads.
#include "ops/patches/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const PatchesArgs*>(p);
  const int64_t channels = a.x.dim[1], height = a.x.dim[2], width = a.x.dim[3];
  for_each_chunk(exec, a.y.dim[0], 8, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t n = t / (a.gh * a.gw), i = t / a.gw % a.gh, j = t % a.gw;
      float* y = static_cast<float*>(a.y.data) + t * a.y.dim[1];
      for (int64_t c = 0; c < channels; ++c) {
        const float* x =
            static_cast<const float*>(a.x.data) + ((n * channels + c) * height + i * a.ph) * width + j * a.pw;
        for (int64_t r = 0; r < a.ph; ++r, x += width, y += a.pw)
          __builtin_memcpy(y, x, static_cast<unsigned long>(a.pw) * sizeof(float));
      }
    }
  });
}

}  // namespace
namespace tables {
extern const Kernel kernel_patches_rows;
const Kernel kernel_patches_rows{"patches", "rows",  kDeviceCpu, 0,       10,       Rounding::f32,
                                 nullptr,   nullptr, run,        nullptr, "by hand"};
}  // namespace tables
}  // namespace ridge
