// How the dot kernels read Q8_0.
#pragma once
#include "formats/int8_dot.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct Q8_0 {
  static constexpr const char* kName = "q8_0";
  static constexpr int kBlock = 32, kBytes = 34, kSub = 32, kMax = 128, kZero = 0;
  static constexpr bool kSigned = true, kMin = false, kWideScale = false;
  static constexpr int kUnit = 32, kParts = 1, kChunks = 2;
  static constexpr int position(int, int chunk) { return chunk; }
  template <int kPart>
  RIDGE_INLINE void chunks(const char* p, int64_t s4, int, V (&c)[kChunks]) {
    c[0] = quad(p + 2, s4);
    c[1] = quad(p + 18, s4);
  }
  RIDGE_INLINE void scales(const char* p, int64_t stride, float* scale, float*) {
    store(scale, halves(p, stride));
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge
