// Rows shared out to the threads; channels in blocks, so that either layout of x is read along its lines.
#include "ops/unfold/args.h"

namespace ridge {
namespace {

constexpr int64_t kBlock = 16;  // windows

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const UnfoldArgs*>(p);
  const auto* x = static_cast<const float*>(a.x.data);
  auto* y = static_cast<float*>(a.y.data);
  const int64_t length = a.x.dim[1], channels = a.x.dim[2], row = channels * a.width;
  const int64_t blocks = (a.windows + kBlock - 1) / kBlock;
  for_each_chunk(exec, a.x.dim[0] * blocks, 1, [&](int64_t from, int64_t to, int) {
    for (int64_t u = from; u < to; ++u) {
      const int64_t i = u / blocks, begin = u % blocks * kBlock;
      const int64_t end = begin + kBlock < a.windows ? begin + kBlock : a.windows;
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t t = begin; t < end; ++t) {
          float* out = y + (i * a.windows + t) * row + c * a.width;
          const int64_t first = t * a.stride - a.padding;
          for (int64_t k = 0; k < a.width; ++k) {
            const int64_t at = first + k;
            out[k] =
                at < 0 || at >= length ? 0 : x[i * a.x.stride[0] + at * a.x.stride[1] + c * a.x.stride[2]];
          }
        }
    }
  });
}

}  // namespace
namespace tables {
extern const Kernel kernel_unfold_rows;
const Kernel kernel_unfold_rows{"unfold",
                                "rows",
                                kDeviceCpu,
                                0,
                                10,
                                Rounding::f32,
                                nullptr,
                                nullptr,
                                run,
                                nullptr,
                                "Chellapilla et al. 2006"};
}  // namespace tables
}  // namespace ridge
