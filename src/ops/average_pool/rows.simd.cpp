// Rows of channels are added up a vector at a time; blocks of channels of the output's places over threads.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/average_pool/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

constexpr int64_t kBlock = 4 * kLanes;

// The mean of an area of rows x columns places, channels [0, n) with n <= kBlock.
RIDGE_INLINE void mean(const float* x, float* y, int64_t n, int64_t rows, int64_t columns, int64_t row_step,
                       int64_t column_step) {
  const float scale = 1.0f / static_cast<float>(rows * columns);
  if (n == kBlock) {
    F32 s[4] = {};
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c) {
        const float* from = x + r * row_step + c * column_step;
        for (int k = 0; k < 4; ++k) s[k] += load(from + k * kLanes);
      }
    for (int k = 0; k < 4; ++k) store(y + k * kLanes, s[k] * scale);
    return;
  }
  for (int64_t k = 0; k < n; k += kLanes) {
    const int64_t m = n - k < kLanes ? n - k : kLanes;
    F32 s{};
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c) {
        const float* from = x + r * row_step + c * column_step + k;
        s += m == kLanes ? load(from) : load_n(from, m);
      }
    if (m == kLanes)
      store(y + k, s * scale);
    else
      store_n(y + k, s * scale, m);
  }
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const AveragePoolArgs*>(p);
  const int64_t height = a.x.dim[1], width = a.x.dim[2], channels = a.x.dim[3];
  const int64_t oh = a.y.dim[1], ow = a.y.dim[2], blocks = (channels + kBlock - 1) / kBlock;
  for_each_chunk(exec, a.y.dim[0] * oh * ow * blocks, 4, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t place = t / blocks, c = t % blocks * kBlock;
      const int64_t n = place / (oh * ow), i = place / ow % oh, j = place % ow;
      const int64_t top = i * height / oh, bottom = ((i + 1) * height + oh - 1) / oh;
      const int64_t left = j * width / ow, right = ((j + 1) * width + ow - 1) / ow;
      mean(static_cast<const float*>(a.x.data) + ((n * height + top) * width + left) * channels + c,
           static_cast<float*>(a.y.data) + place * channels + c,
           channels - c < kBlock ? channels - c : kBlock, bottom - top, right - left, width * channels,
           channels);
    }
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"average_pool",    "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,        RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,  Rounding::f32,
                                 nullptr,           nullptr,
                                 RIDGE_ISA_NS::run, nullptr,
                                 "by hand"};
}  // namespace tables
}  // namespace ridge
