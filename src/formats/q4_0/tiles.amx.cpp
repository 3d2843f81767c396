// Q4_0 in matrix tiles.
#include "formats/tiles.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct Q4_0 {
  static constexpr const char* kName = "q4_0";
  RIDGE_TILES_INLINE __m512i codes(const char* row, int64_t step, int64_t) {
    const char* b = row + step * 18;
    const __m128i q = bytes_at(b + 2), eight = _mm_set1_epi8(8);
    const float d = half_at(b);
    return scaled(_mm_sub_epi8(low_nibbles(q), eight), _mm_sub_epi8(high_nibbles(q), eight), d, d);
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge

RIDGE_TILES(Q4_0)
