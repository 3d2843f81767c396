// IQ4_NL in matrix tiles.
#include "formats/tiles.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct IQ4_NL {
  static constexpr const char* kName = "iq4_nl";
  RIDGE_TILES_INLINE __m512i codes(const char* row, int64_t step, int64_t) {
    const char* b = row + step * 18;
    const __m128i q = bytes_at(b + 2), values = _mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13,
                                                              25, 38, 53, 69, 89, 113);
    const float d = half_at(b);
    return scaled(_mm_shuffle_epi8(values, low_nibbles(q)), _mm_shuffle_epi8(values, high_nibbles(q)), d, d);
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge

RIDGE_TILES(IQ4_NL)
