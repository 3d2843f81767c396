// BF16 in matrix tiles: weights as they are.
#include "formats/tiles.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct BF16 {
  static constexpr const char* kName = "bf16";
  RIDGE_TILES_INLINE __m512i codes(const char* row, int64_t step, int64_t k) {
    const int64_t left = k - step * kStep;
    const __mmask32 here = left >= kStep ? ~__mmask32{0} : (__mmask32{1} << left) - 1;
    return _mm512_maskz_loadu_epi16(here, row + step * kLineBytes);
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge

RIDGE_TILES(BF16)
