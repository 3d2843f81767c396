// Q4_K in matrix tiles.
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

struct Q4_K {
  static constexpr const char* kName = "q4_k";
  RIDGE_TILES_INLINE __m512i codes(const char* row, int64_t step, int64_t) {
    const char* b = row + step / 8 * 144;
    const int s = static_cast<int>(step % 8);
    const ScaleMin v = scale_min(b, s);
    const char* q = b + 16 + s / 2 * 32;
    const __m128i q0 = bytes_at(q), q1 = bytes_at(q + 16);
    return s % 2 ? affine(high_nibbles(q0), high_nibbles(q1), v.d, v.d, v.m, v.m)
                 : affine(low_nibbles(q0), low_nibbles(q1), v.d, v.d, v.m, v.m);
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge

RIDGE_TILES(Q4_K)
