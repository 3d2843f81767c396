#include <immintrin.h>

#include "plan/peaks.h"

namespace ridge {
namespace isa_avx512vnni {

int64_t peak_int8(int64_t rounds, float* sink) {
  constexpr int kChains = 12;
  __m512i acc[kChains];
  const __m512i a = _mm512_set1_epi8(static_cast<char>(sink[0])),
                b = _mm512_set1_epi8(static_cast<char>(sink[1]));
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) acc[i] = _mm512_setzero_si512();
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) {
      acc[i] = _mm512_dpbusd_epi32(acc[i], a, b);
      __asm__("" : "+v"(acc[i]));
    }
  }
  int sum = 0;
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) sum += _mm512_reduce_add_epi32(acc[i]);
  sink[2] = static_cast<float>(sum);
  return rounds * kChains * 64 * 2;
}

}  // namespace isa_avx512vnni
}  // namespace ridge
