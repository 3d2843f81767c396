// Q3_K in matrix tiles.
#include "formats/tiles.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

// Scale i of 16: four low bits in nibbles of bytes 0 to 7, two high bits in bytes 8 to 11.
RIDGE_TILES_INLINE float six_bit(const char* p, int i) {
  const auto* q = reinterpret_cast<const uint8_t*>(p);
  const int low = i < 8 ? q[i] & 15 : q[i - 8] >> 4, high = q[8 + i % 4] >> 2 * (i / 4) & 3;
  return static_cast<float>((low | high << 4) - 32);
}

struct Q3_K {
  static constexpr const char* kName = "q3_k";
  RIDGE_TILES_INLINE __m512i codes(const char* row, int64_t step, int64_t) {
    const char* b = row + step / 8 * 110;
    const int s = static_cast<int>(step % 8);
    const char* q = b + 32 + s / 4 * 32;
    // A third bit that is not set takes 4 away.
    const __m128i four = _mm_set1_epi8(4), h0 = _mm_sub_epi8(where_bit(bytes_at(b), s, 4), four),
                  h1 = _mm_sub_epi8(where_bit(bytes_at(b + 16), s, 4), four);
    const float d = half_at(b + 108);
    return scaled(_mm_add_epi8(two_bits(bytes_at(q), s % 4 * 2), h0),
                  _mm_add_epi8(two_bits(bytes_at(q + 16), s % 4 * 2), h1), d * six_bit(b + 96, 2 * s),
                  d * six_bit(b + 96, 2 * s + 1));
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge

RIDGE_TILES(Q3_K)
