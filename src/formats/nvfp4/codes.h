// How the dot kernels read NVFP4.
#pragma once
#include "formats/int8_dot.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct NVFP4 {
  static constexpr const char* kName = "nvfp4";
  static constexpr int kBlock = 64, kBytes = 36, kSub = 16, kMax = 12, kZero = 0;
  static constexpr bool kSigned = true, kMin = false, kWideScale = false;
  static constexpr int kUnit = 32, kParts = 1, kChunks = 2;
  static constexpr int position(int, int chunk) { return chunk; }
  template <int kPart>
  RIDGE_INLINE void chunks(const char* p, int64_t s4, int u, V (&c)[kChunks]) {
    const V table = in_all(_mm_setr_epi8(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12));
    // Eight bytes a sub-block: its first eight elements in the low nibbles.
    const V q = quad(p + 4 + 16 * u, s4);
    const V low = lookup(table, low_nibbles(q)), high = lookup(table, high_nibbles(q));
    c[0] = low64(low, high);
    c[1] = high64(low, high);
  }
  RIDGE_INLINE void scales(const char* p, int64_t stride, float* scale, float*) {
    I32 w[4];
    words(p, stride, w);
#pragma GCC unroll 4
    for (int s = 0; s < 4; ++s) {
      // Half of an unsigned E4M3: its bits in place of an f32's, and the product rebases the exponent,
      // exactly, subnormals too. 127 (NaN) counts as 0.
      const I32 code = w[0] >> (8 * s) & 127;
      store(scale + s * kLanes, (F32)((code << 20) & (code != 127)) * 0x1p119f);
    }
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge
