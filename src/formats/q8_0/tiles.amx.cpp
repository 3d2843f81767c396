// Q8_0 in matrix tiles.
#include "formats/tiles.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct Q8_0 {
  static constexpr const char* kName = "q8_0";
  RIDGE_TILES_INLINE __m512i codes(const char* row, int64_t step, int64_t) {
    const char* b = row + step * 34;
    const float d = half_at(b);
    return scaled(bytes_at(b + 2), bytes_at(b + 18), d, d);
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge

RIDGE_TILES(Q8_0)
