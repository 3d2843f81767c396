// NVFP4 in matrix tiles.
#include "formats/tiles.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

// Half of an unsigned E4M3 scale, since the values are doubled; the code of NaN reads as 0.
RIDGE_TILES_INLINE float half_scale(char code) {
  const int c = static_cast<uint8_t>(code), exponent = c >> 3 & 15, mantissa = c & 7;
  if (c == 0x7f) return 0;
  if (exponent == 0) return static_cast<float>(mantissa) * 0x1p-10f;
  const uint32_t bits = static_cast<uint32_t>(exponent - 8 + 127) << 23 | static_cast<uint32_t>(mantissa)
                                                                              << 20;
  float f;
  __builtin_memcpy(&f, &bits, 4);
  return f;
}

struct NVFP4 {
  static constexpr const char* kName = "nvfp4";
  RIDGE_TILES_INLINE __m512i codes(const char* row, int64_t step, int64_t) {
    const char* b = row + step / 2 * 36;
    const auto group = static_cast<int>(step % 2 * 2);
    // Bytes 0 to 7 hold a group of 16, 8 to 15 the next; of each, low nibbles come first.
    const __m128i q = bytes_at(b + 4 + 8 * group), low = low_nibbles(q), high = high_nibbles(q),
                  values = _mm_setr_epi8(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
    return scaled(_mm_shuffle_epi8(values, _mm_unpacklo_epi64(low, high)),
                  _mm_shuffle_epi8(values, _mm_unpackhi_epi64(low, high)), half_scale(b[group]),
                  half_scale(b[group + 1]));
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge

RIDGE_TILES(NVFP4)
