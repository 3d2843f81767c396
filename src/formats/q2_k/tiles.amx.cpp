// Q2_K in matrix tiles.
#include "formats/tiles.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct Q2_K {
  static constexpr const char* kName = "q2_k";
  RIDGE_TILES_INLINE __m512i codes(const char* row, int64_t step, int64_t) {
    const char* b = row + step / 8 * 84;
    const int s = static_cast<int>(step % 8);
    const char* q = b + 16 + s / 4 * 32;
    const auto* scales = reinterpret_cast<const uint8_t*>(b) + s * 2;
    const float d = half_at(b + 80), m = -half_at(b + 82);
    return affine(two_bits(bytes_at(q), s % 4 * 2), two_bits(bytes_at(q + 16), s % 4 * 2),
                  d * static_cast<float>(scales[0] & 15), d * static_cast<float>(scales[1] & 15),
                  m * static_cast<float>(scales[0] >> 4), m * static_cast<float>(scales[1] >> 4));
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge

RIDGE_TILES(Q2_K)
