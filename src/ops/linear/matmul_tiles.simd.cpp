// Register tiles of 4 rows by 3 vectors: each value of a is broadcast, each vector of b used four times.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/linear/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

constexpr int kVectors = 3;

template <int kRows, bool kWhole>
RIDGE_INLINE void tile(const MatmulArgs& m, int64_t i, int64_t j, int64_t width) {
  const float* a = static_cast<const float*>(m.a.data) + i * m.a.stride[0];
  const float* b = static_cast<const float*>(m.b.data) + j;
  F32 acc[kRows][kVectors] = {};
  for (int64_t l = 0; l < m.b.dim[0]; ++l) {
    const float* row = b + l * m.b.stride[0];
    F32 v[kVectors];
#pragma GCC unroll 8
    for (int c = 0; c < kVectors; ++c) {
      const int64_t left = width - c * kLanes;
      v[c] = kWhole || left >= kLanes ? load(row + c * kLanes)
             : left > 0               ? load_n(row + c * kLanes, left)
                                      : F32{};
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const F32 x = set1(a[r * m.a.stride[0] + l * m.a.stride[1]]);
#pragma GCC unroll 8
      for (int c = 0; c < kVectors; ++c) acc[r][c] = fma(x, v[c], acc[r][c]);
    }
  }
  for (int r = 0; r < kRows; ++r)
    for (int c = 0; c < kVectors; ++c) {
      float* out = static_cast<float*>(m.c.data) + (i + r) * m.c.stride[0] + j + c * kLanes;
      const int64_t left = width - c * kLanes;
      if (left >= kLanes)
        store(out, acc[r][c]);
      else if (left > 0)
        store_n(out, acc[r][c], left);
    }
}

void run(const void* p, const Exec& exec) {
  const auto& m = *static_cast<const MatmulArgs*>(p);
  const int64_t rows = m.c.dim[0], columns = m.c.dim[1];
  constexpr int64_t kWidth = kVectors * kLanes;
  for_each_chunk(exec, (columns + kWidth - 1) / kWidth, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t j = begin * kWidth; j < end * kWidth && j < columns; j += kWidth) {
      const int64_t width = columns - j < kWidth ? columns - j : kWidth;
      int64_t i = 0;
      for (; i + 4 <= rows; i += 4)
        width == kWidth ? tile<4, true>(m, i, j, width) : tile<4, false>(m, i, j, width);
      for (; i < rows; ++i) width == kWidth ? tile<1, true>(m, i, j, width) : tile<1, false>(m, i, j, width);
    }
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"matmul",          "tiles." RIDGE_ISA_NAME,
                                 kDeviceCpu,        RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,  Rounding::f32,
                                 nullptr,           nullptr,
                                 RIDGE_ISA_NS::run, nullptr,
                                 "register tiles"};
}  // namespace tables
}  // namespace ridge
