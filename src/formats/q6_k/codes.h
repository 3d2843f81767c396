// How the dot kernels read Q6_K.
#pragma once
#include "formats/int8_dot.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct Q6_K {
  static constexpr const char* kName = "q6_k";
  static constexpr int kBlock = 256, kBytes = 210, kSub = 16, kMax = 63, kZero = 32;
  static constexpr bool kSigned = false, kMin = false, kWideScale = false;
  static constexpr int kUnit = 128, kParts = 2, kChunks = 4;
  static constexpr int position(int part, int chunk) { return 2 * chunk + part; }
  template <int kPart>
  RIDGE_INLINE void chunks(const char* p, int64_t s4, int u, V (&c)[kChunks]) {
    const V l0 = quad(p + 64 * u + 16 * kPart, s4), l1 = quad(p + 64 * u + 32 + 16 * kPart, s4),
            h = quad(p + 128 + 32 * u + 16 * kPart, s4);
    const V top = bytes(0x30);
    c[0] = low_nibbles(l0) | ((V)((U16)h << 4) & top);
    c[1] = low_nibbles(l1) | ((V)((U16)h << 2) & top);
    c[2] = high_nibbles(l0) | (h & top);
    c[3] = high_nibbles(l1) | ((V)((U16)h >> 2) & top);
  }
  RIDGE_INLINE void scales(const char* p, int64_t stride, float* scale, float*) {
    I32 w[4];
    words(p + 192, stride, w);
    const F32 d = halves(p + 208, stride);
#pragma GCC unroll 16
    for (int s = 0; s < 16; ++s)
      store(scale + s * kLanes, d * to_float(w[s / 4] << (24 - 8 * (s % 4)) >> 24));
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge
