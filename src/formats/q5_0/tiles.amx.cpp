// Q5_0 in matrix tiles.
#include "formats/tiles.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

// 16 where the fifth bit of an element is set, element j of 16 by bit j.
RIDGE_TILES_INLINE __m128i fifth_bits(uint32_t bits) {
  return _mm_and_si128(_mm_movm_epi8(static_cast<__mmask16>(bits)), _mm_set1_epi8(16));
}

struct Q5_0 {
  static constexpr const char* kName = "q5_0";
  RIDGE_TILES_INLINE __m512i codes(const char* row, int64_t step, int64_t) {
    const char* b = row + step * 22;
    uint32_t high;
    __builtin_memcpy(&high, b + 2, 4);
    const __m128i q = bytes_at(b + 6), middle = _mm_set1_epi8(16);
    const __m128i q0 = _mm_or_si128(low_nibbles(q), fifth_bits(high)),
                  q1 = _mm_or_si128(high_nibbles(q), fifth_bits(high >> 16));
    const float d = half_at(b);
    return scaled(_mm_sub_epi8(q0, middle), _mm_sub_epi8(q1, middle), d, d);
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge

RIDGE_TILES(Q5_0)
