// How the dot kernels read MXFP4.
#pragma once
#include "formats/int8_dot.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct MXFP4 {
  static constexpr const char* kName = "mxfp4";
  static constexpr int kBlock = 32, kBytes = 17, kSub = 32, kMax = 12, kZero = 0;
  static constexpr bool kSigned = true, kMin = false, kWideScale = true;
  static constexpr int kUnit = 32, kParts = 1, kChunks = 2;
  static constexpr int position(int, int chunk) { return chunk; }
  template <int kPart>
  RIDGE_INLINE void chunks(const char* p, int64_t s4, int, V (&c)[kChunks]) {
    const V table = in_all(_mm_setr_epi8(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12));
    const V q = quad(p + 1, s4);
    c[0] = lookup(table, low_nibbles(q));
    c[1] = lookup(table, high_nibbles(q));
  }
  RIDGE_INLINE void scales(const char* p, int64_t stride, float* scale, float*) {
    // Half of 2^(e - 127), since the codes are doubled; subnormal for e < 2.
    const I32 e = row_bytes(p, stride);
    const I32 subnormal = (I32{} + 0x00200000) << e, normal = (e - 1) << 23;
    store(scale, select(e < 2, (F32)subnormal, (F32)normal));
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge
