// How the dot kernels read Q5_0.
#pragma once
#include "formats/five_bit_codes.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct Q5_0 {
  static constexpr const char* kName = "q5_0";
  static constexpr int kBlock = 32, kBytes = 22, kSub = 32, kMax = 31, kZero = 16;
  static constexpr bool kSigned = false, kMin = false, kWideScale = false;
  static constexpr int kUnit = 32, kParts = 1, kChunks = 2;
  static constexpr int position(int, int chunk) { return chunk; }
  template <int kPart>
  RIDGE_INLINE void chunks(const char* p, int64_t s4, int, V (&c)[kChunks]) {
    const V q = quad(p + 6, s4), high = quad(p + 2, s4);
    c[0] = low_nibbles(q) | fifth_bits(high, 0);
    c[1] = high_nibbles(q) | fifth_bits(high, 2);
  }
  RIDGE_INLINE void scales(const char* p, int64_t stride, float* scale, float*) {
    store(scale, halves(p, stride));
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge
