#include "formats/float_dot.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct WeightsF16 {
  static constexpr int kVectors = 1, kPer = kLanes, kBytes = 2;
  static constexpr bool kPrepared = false;
  RIDGE_INLINE F32 load(const char* p, int) {
#if defined(__AVX2__)
    return load_f16(reinterpret_cast<const uint16_t*>(p));
#else
    I32 h;
    for (int i = 0; i < kLanes; ++i) h[i] = reinterpret_cast<const uint16_t*>(p)[i];
    // The code as an f32 with the exponent's bias still 15; the product with 2^112 rebases it and makes
    // subnormals normal. Inf and NaN get their exponent by hand.
    const I32 e = (h & 0x7fff) << 13;
    const F32 magnitude = (F32)e * 0x1p112f;
    const I32 special = (e >= 0x0f800000) & 0x7f800000;
    return (F32)((I32)magnitude | special | (h & 0x8000) << 16);
#endif
  }
  RIDGE_INLINE F32 load_n(const char* p, int64_t n, int u) {
    uint16_t codes[kLanes];
    copy_codes(p, n, codes, kLanes);
    return load(reinterpret_cast<const char*>(codes), u);
  }
  RIDGE_INLINE F32 add_product(F32 sum, F32 w, F32 x) { return fma(w, x, sum); }
};

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const DotKernel RIDGE_KERNEL_SYMBOL;
const DotKernel RIDGE_KERNEL_SYMBOL{"f16",
                                    RIDGE_ISA_NAME,
                                    RIDGE_LEVEL_FEATURES,
                                    RIDGE_LEVEL_RANK,
                                    Rounding::f32,
                                    24,
                                    nullptr,
                                    nullptr,
                                    RIDGE_ISA_NS::scratch_bytes<RIDGE_ISA_NS::WeightsF16>,
                                    RIDGE_ISA_NS::multiply<RIDGE_ISA_NS::WeightsF16>};
}  // namespace tables
}  // namespace ridge
