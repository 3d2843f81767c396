#include <immintrin.h>

#include "plan/peaks.h"

namespace ridge {
namespace isa_avx512bf16 {

int64_t peak_bf16(int64_t rounds, float* sink) {
  constexpr int kChains = 12;
  __m512 acc[kChains];
  const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(sink[0]), _mm512_set1_ps(sink[0]));
  const __m512bh b = _mm512_cvtne2ps_pbh(_mm512_set1_ps(sink[1]), _mm512_set1_ps(sink[1]));
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) acc[i] = _mm512_setzero_ps();
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) {
      acc[i] = _mm512_dpbf16_ps(acc[i], a, b);
      __asm__("" : "+v"(acc[i]));
    }
  }
  float sum = 0;
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) sum += _mm512_reduce_add_ps(acc[i]);
  sink[2] = sum;
  return rounds * kChains * 32 * 2;
}

}  // namespace isa_avx512bf16
}  // namespace ridge
