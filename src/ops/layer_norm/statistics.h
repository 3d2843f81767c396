// Mean and inverse deviation of a row, in two passes: the square is of the difference, so nothing cancels.
// For files compiled for an instruction set of their own only.
#pragma once
#include "base/simd.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct Statistics {
  float mean, scale;
};

RIDGE_INLINE Statistics statistics(const float* x, int64_t n, float eps) {
  F32 s{}, t{};
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) s += load(x + i), t += load(x + i + kLanes);
  float rest = 0;
  for (int64_t j = i; j < n; ++j) rest += x[j];
  const float mean = (reduce_add(s + t) + rest) / static_cast<float>(n);
  const F32 m = set1(mean);
  F32 q{}, u{};
  for (i = 0; i + 2 * kLanes <= n; i += 2 * kLanes) {
    const F32 a = load(x + i) - m, b = load(x + i + kLanes) - m;
    q = fma(a, a, q), u = fma(b, b, u);
  }
  rest = 0;
  for (; i < n; ++i) rest += (x[i] - mean) * (x[i] - mean);
  const float variance = (reduce_add(q + u) + rest) / static_cast<float>(n);
  return {mean, 1.0f / __builtin_sqrtf(variance + eps)};
}

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge
