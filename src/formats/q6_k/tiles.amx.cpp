// Q6_K in matrix tiles.
#include "formats/tiles.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct Q6_K {
  static constexpr const char* kName = "q6_k";
  RIDGE_TILES_INLINE __m512i codes(const char* row, int64_t step, int64_t) {
    const char* b = row + step / 8 * 210;
    const int s = static_cast<int>(step % 8), half = s / 4, quarter = s % 4;
    const char* low = b + half * 64 + quarter % 2 * 32;
    const char* high = b + 128 + half * 32;
    const __m128i l0 = bytes_at(low), l1 = bytes_at(low + 16), middle = _mm_set1_epi8(32),
                  h0 = _mm_slli_epi16(two_bits(bytes_at(high), 2 * quarter), 4),
                  h1 = _mm_slli_epi16(two_bits(bytes_at(high + 16), 2 * quarter), 4);
    const __m128i q0 = quarter >= 2 ? high_nibbles(l0) : low_nibbles(l0),
                  q1 = quarter >= 2 ? high_nibbles(l1) : low_nibbles(l1);
    const auto* scales = reinterpret_cast<const int8_t*>(b + 192) + s * 2;
    const float d = half_at(b + 208);
    return scaled(_mm_sub_epi8(_mm_or_si128(q0, h0), middle), _mm_sub_epi8(_mm_or_si128(q1, h1), middle),
                  d * static_cast<float>(scales[0]), d * static_cast<float>(scales[1]));
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge

RIDGE_TILES(Q6_K)
