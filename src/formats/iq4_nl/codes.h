// How the dot kernels read IQ4_NL.
#pragma once
#include "formats/int8_dot.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct IQ4_NL {
  static constexpr const char* kName = "iq4_nl";
  static constexpr int kBlock = 32, kBytes = 18, kSub = 32, kMax = 127, kZero = 0;
  static constexpr bool kSigned = true, kMin = false, kWideScale = false;
  static constexpr int kUnit = 32, kParts = 1, kChunks = 2;
  static constexpr int position(int, int chunk) { return chunk; }
  template <int kPart>
  RIDGE_INLINE void chunks(const char* p, int64_t s4, int, V (&c)[kChunks]) {
    const V table =
        in_all(_mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113));
    const V q = quad(p + 2, s4);
    c[0] = lookup(table, low_nibbles(q));
    c[1] = lookup(table, high_nibbles(q));
  }
  RIDGE_INLINE void scales(const char* p, int64_t stride, float* scale, float*) {
    store(scale, halves(p, stride));
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge
