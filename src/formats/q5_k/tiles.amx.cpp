// Q5_K in matrix tiles.
#include "formats/tiles.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

// The six-bit scale and minimum of sub-block s.
struct ScaleMin {
  float d, m;
};
RIDGE_TILES_INLINE ScaleMin scale_min(const char* b, int s) {
  const auto* q = reinterpret_cast<const uint8_t*>(b + 4);
  const int d = s < 4 ? q[s] & 63 : (q[s + 4] & 15) | q[s - 4] >> 6 << 4;
  const int m = s < 4 ? q[s + 4] & 63 : q[s + 4] >> 4 | q[s] >> 6 << 4;
  return {half_at(b) * static_cast<float>(d), -half_at(b + 2) * static_cast<float>(m)};
}

struct Q5_K {
  static constexpr const char* kName = "q5_k";
  RIDGE_TILES_INLINE __m512i codes(const char* row, int64_t step, int64_t) {
    const char* b = row + step / 8 * 176;
    const int s = static_cast<int>(step % 8);
    const ScaleMin v = scale_min(b, s);
    const char* q = b + 48 + s / 2 * 32;
    const __m128i q0 = bytes_at(q), q1 = bytes_at(q + 16), h0 = where_bit(bytes_at(b + 16), s, 16),
                  h1 = where_bit(bytes_at(b + 32), s, 16);
    return s % 2 ? affine(_mm_or_si128(high_nibbles(q0), h0), _mm_or_si128(high_nibbles(q1), h1), v.d, v.d,
                          v.m, v.m)
                 : affine(_mm_or_si128(low_nibbles(q0), h0), _mm_or_si128(low_nibbles(q1), h1), v.d, v.d, v.m,
                          v.m);
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge

RIDGE_TILES(Q5_K)
