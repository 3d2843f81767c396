#include "plan/peaks.h"

#include "base/simd.h"

namespace ridge {
namespace RIDGE_ISA_NS {

int64_t peak_f32(int64_t rounds, float* sink) {
  constexpr int kChains = 12;  // latency 4 x 2 a cycle, and a few more
  F32 acc[kChains];
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) acc[i] = set1(static_cast<float>(i));
  F32 a = set1(sink[0]), b = set1(sink[1]);
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) {
      acc[i] = fma(acc[i], a, b);
#if defined(__x86_64__)
      __asm__("" : "+v"(acc[i]));
#endif
    }
  }
  F32 sum{};
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) sum += acc[i];
  sink[2] = reduce_add(sum);
  return rounds * kChains * kLanes * 2;
}

int64_t read_memory(const float* p, int64_t floats, float* sink) {
  F32 acc[8] = {};
  const int64_t n = floats / (8 * kLanes) * (8 * kLanes);
  for (int64_t i = 0; i < n; i += 8 * kLanes) {
#pragma GCC unroll 8
    for (int c = 0; c < 8; ++c) acc[c] = max(acc[c], load(p + i + c * kLanes));
  }
  F32 most = acc[0];
#pragma GCC unroll 8
  for (int c = 1; c < 8; ++c) most = max(most, acc[c]);
  sink[2] = reduce_max(most);
  return n * 4;
}

}  // namespace RIDGE_ISA_NS
}  // namespace ridge
