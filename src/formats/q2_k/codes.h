// How the dot kernels read Q2_K.
#pragma once
#include "formats/int8_dot.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct Q2_K {
  static constexpr const char* kName = "q2_k";
  static constexpr int kBlock = 256, kBytes = 84, kSub = 16, kMax = 3, kZero = 0;
  static constexpr bool kSigned = false, kMin = true, kWideScale = false;
  static constexpr int kUnit = 128, kParts = 2, kChunks = 4;
  static constexpr int position(int part, int chunk) { return 2 * chunk + part; }
  template <int kPart>
  RIDGE_INLINE void chunks(const char* p, int64_t s4, int u, V (&c)[kChunks]) {
    const V q = quad(p + 16 + 32 * u + 16 * kPart, s4), three = bytes(3);
    c[0] = q & three;
    c[1] = (V)((U16)q >> 2) & three;
    c[2] = (V)((U16)q >> 4) & three;
    c[3] = (V)((U16)q >> 6) & three;
  }
  RIDGE_INLINE void scales(const char* p, int64_t stride, float* scale, float* min) {
    I32 w[4];
    words(p, stride, w);
    const F32 d = halves(p + 80, stride), dmin = halves(p + 82, stride);
#pragma GCC unroll 16
    for (int s = 0; s < 16; ++s) {
      const I32 both = w[s / 4] >> (8 * (s % 4));
      store(scale + s * kLanes, d * to_float(both & 15));
      store(min + s * kLanes, dmin * to_float(both >> 4 & 15));
    }
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge
