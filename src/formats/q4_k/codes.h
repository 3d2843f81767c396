// How the dot kernels read Q4_K.
#pragma once
#include "formats/affine_scales.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct Q4_K {
  static constexpr const char* kName = "q4_k";
  static constexpr int kBlock = 256, kBytes = 144, kSub = 32, kMax = 15, kZero = 0;
  static constexpr bool kSigned = false, kMin = true, kWideScale = false;
  static constexpr int kUnit = 64, kParts = 1, kChunks = 4;
  static constexpr int position(int, int chunk) { return chunk; }
  template <int kPart>
  RIDGE_INLINE void chunks(const char* p, int64_t s4, int u, V (&c)[kChunks]) {
    const V q0 = quad(p + 16 + 32 * u, s4), q1 = quad(p + 32 + 32 * u, s4);
    c[0] = low_nibbles(q0);
    c[1] = low_nibbles(q1);
    c[2] = high_nibbles(q0);
    c[3] = high_nibbles(q1);
  }
  RIDGE_INLINE void scales(const char* p, int64_t stride, float* scale, float* min) {
    affine_scales(p, stride, scale, min);
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge
