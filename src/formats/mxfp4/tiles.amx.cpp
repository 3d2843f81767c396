// MXFP4 in matrix tiles.
#include "formats/tiles.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct MXFP4 {
  static constexpr const char* kName = "mxfp4";
  RIDGE_TILES_INLINE __m512i codes(const char* row, int64_t step, int64_t) {
    const char* b = row + step * 17;
    const auto e = static_cast<uint8_t>(b[0]);
    // Half of 2^(e - 127), since the values below are doubled.
    const uint32_t bits = e < 2 ? 0x00200000u << e : static_cast<uint32_t>(e - 1) << 23;
    float d;
    __builtin_memcpy(&d, &bits, 4);
    const __m128i q = bytes_at(b + 1),
                  values = _mm_setr_epi8(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
    return scaled(_mm_shuffle_epi8(values, low_nibbles(q)), _mm_shuffle_epi8(values, high_nibbles(q)), d, d);
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge

RIDGE_TILES(MXFP4)
