// How the dot kernels read Q5_K.
#pragma once
#include "formats/affine_scales.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct Q5_K {
  static constexpr const char* kName = "q5_k";
  static constexpr int kBlock = 256, kBytes = 176, kSub = 32, kMax = 31, kZero = 0;
  static constexpr bool kSigned = false, kMin = true, kWideScale = false;
  static constexpr int kUnit = 64, kParts = 1, kChunks = 4;
  static constexpr int position(int, int chunk) { return chunk; }
  template <int kPart>
  RIDGE_INLINE void chunks(const char* p, int64_t s4, int u, V (&c)[kChunks]) {
    const V q0 = quad(p + 48 + 32 * u, s4), q1 = quad(p + 64 + 32 * u, s4);
    const V h0 = quad(p + 16, s4), h1 = quad(p + 32, s4);  // bit g of each byte: sub-block g
    const V low = bytes(1 << (2 * u)), high = bytes(2 << (2 * u)), sixteen = bytes(16);
    c[0] = low_nibbles(q0) | where_any(h0, low, sixteen);
    c[1] = low_nibbles(q1) | where_any(h1, low, sixteen);
    c[2] = high_nibbles(q0) | where_any(h0, high, sixteen);
    c[3] = high_nibbles(q1) | where_any(h1, high, sixteen);
  }
  RIDGE_INLINE void scales(const char* p, int64_t stride, float* scale, float* min) {
    affine_scales(p, stride, scale, min);
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge
