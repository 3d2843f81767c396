#include "formats/float_dot.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct WeightsF32 {
  static constexpr int kVectors = 1, kPer = kLanes, kBytes = 4;
  static constexpr bool kPrepared = false;
  RIDGE_INLINE F32 load(const char* p, int) { return RIDGE_ISA_NS::load(reinterpret_cast<const float*>(p)); }
  RIDGE_INLINE F32 load_n(const char* p, int64_t n, int) {
    return RIDGE_ISA_NS::load_n(reinterpret_cast<const float*>(p), n);
  }
  RIDGE_INLINE F32 add_product(F32 sum, F32 w, F32 x) { return fma(w, x, sum); }
};

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const DotKernel RIDGE_KERNEL_SYMBOL;
const DotKernel RIDGE_KERNEL_SYMBOL{"f32",
                                    RIDGE_ISA_NAME,
                                    RIDGE_LEVEL_FEATURES,
                                    RIDGE_LEVEL_RANK,
                                    Rounding::f32,
                                    24,
                                    nullptr,
                                    nullptr,
                                    RIDGE_ISA_NS::scratch_bytes<RIDGE_ISA_NS::WeightsF32>,
                                    RIDGE_ISA_NS::multiply<RIDGE_ISA_NS::WeightsF32>};
}  // namespace tables
}  // namespace ridge
