// IQ4_XS in matrix tiles.
#include "formats/tiles.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct IQ4_XS {
  static constexpr const char* kName = "iq4_xs";
  RIDGE_TILES_INLINE __m512i codes(const char* row, int64_t step, int64_t) {
    const char* b = row + step / 8 * 136;
    const int s = static_cast<int>(step % 8);
    uint16_t high;
    __builtin_memcpy(&high, b + 2, 2);
    const auto low = static_cast<uint8_t>(b[4 + s / 2]);
    const int scale = (low >> 4 * (s % 2) & 15) | (high >> 2 * s & 3) << 4;
    const __m128i q = bytes_at(b + 8 + 16 * s), values = _mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22,
                                                                       -10, 1, 13, 25, 38, 53, 69, 89, 113);
    const float d = half_at(b) * static_cast<float>(scale - 32);
    return scaled(_mm_shuffle_epi8(values, low_nibbles(q)), _mm_shuffle_epi8(values, high_nibbles(q)), d, d);
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge

RIDGE_TILES(IQ4_XS)
