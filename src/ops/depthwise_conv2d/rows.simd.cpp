// A vector of channels at a time, the taps in registers; places of the output over threads.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/depthwise_conv2d/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

// One place of the output; taps [r0, r1) x [s0, s1) lie in the image, whose place (r0, s0) is at x.
RIDGE_INLINE void place(const float* x, const float* w, const float* bias, float* y, int64_t channels,
                        int64_t rows, int64_t columns, int64_t row_step, int64_t k) {
  for (int64_t c = 0; c < channels; c += kLanes) {
    const int64_t m = channels - c < kLanes ? channels - c : kLanes;
    const bool whole = m == kLanes;
    F32 s{};
    if (bias) s = whole ? load(bias + c) : load_n(bias + c, m);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t t = 0; t < columns; ++t) {
        const float* from = x + r * row_step + t * channels + c;
        const float* tap = w + (r * k + t) * channels + c;
        s = whole ? fma(load(from), load(tap), s) : fma(load_n(from, m), load_n(tap, m), s);
      }
    if (whole)
      store(y + c, s);
    else
      store_n(y + c, s, m);
  }
}

RIDGE_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
RIDGE_INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const DepthwiseConv2dArgs*>(p);
  const int64_t height = a.x.dim[1], width = a.x.dim[2], channels = a.x.dim[3];
  const int64_t oh = a.y.dim[1], ow = a.y.dim[2], k = a.k;
  for_each_chunk(exec, a.y.dim[0] * oh * ow, 4, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t n = t / (oh * ow);
      const int64_t top = t / ow % oh * a.stride - k / 2, left = t % ow * a.stride - k / 2;
      const int64_t r0 = most(0, -top), r1 = least(k, height - top);
      const int64_t s0 = most(0, -left), s1 = least(k, width - left);
      place(static_cast<const float*>(a.x.data) + ((n * height + top + r0) * width + left + s0) * channels,
            static_cast<const float*>(a.w.data) + (r0 * k + s0) * channels,
            static_cast<const float*>(a.bias.data), static_cast<float*>(a.y.data) + t * channels, channels,
            r1 - r0, s1 - s0, width * channels, k);
    }
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"depthwise_conv2d",
                                 "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,
                                 Rounding::f32,
                                 nullptr,
                                 nullptr,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "by hand"};
}  // namespace tables
}  // namespace ridge
