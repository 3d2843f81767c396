// Q4_1 in matrix tiles.
#include "formats/tiles.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct Q4_1 {
  static constexpr const char* kName = "q4_1";
  RIDGE_TILES_INLINE __m512i codes(const char* row, int64_t step, int64_t) {
    const char* b = row + step * 20;
    const __m128i q = bytes_at(b + 4);
    const float d = half_at(b), m = half_at(b + 2);
    return affine(low_nibbles(q), high_nibbles(q), d, d, m, m);
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge

RIDGE_TILES(Q4_1)
