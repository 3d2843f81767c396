// How the dot kernels read Q3_K.
#pragma once
#include "formats/int8_dot.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct Q3_K {
  static constexpr const char* kName = "q3_k";
  static constexpr int kBlock = 256, kBytes = 110, kSub = 16, kMax = 7, kZero = 4;
  static constexpr bool kSigned = false, kMin = false, kWideScale = false;
  static constexpr int kUnit = 128, kParts = 2, kChunks = 4;
  static constexpr int position(int part, int chunk) { return 2 * chunk + part; }
  template <int kPart>
  RIDGE_INLINE void chunks(const char* p, int64_t s4, int u, V (&c)[kChunks]) {
    const V q = quad(p + 32 + 32 * u + 16 * kPart, s4), three = bytes(3);
    c[0] = q & three;
    c[1] = (V)((U16)q >> 2) & three;
    c[2] = (V)((U16)q >> 4) & three;
    c[3] = (V)((U16)q >> 6) & three;
    const V h = quad(p + 16 * kPart, s4), four = bytes(4);  // bit g of each byte: group g of 32
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) c[i] |= where_any(h, bytes(1 << (4 * u + i)), four);
  }
  RIDGE_INLINE void scales(const char* p, int64_t stride, float* scale, float*) {
    I32 w[4];
    words(p + 94, stride, w);  // two bytes of codes, twelve of scales, d
    const F32 d = halves_of((I32)((U32)w[3] >> 16));
    const auto byte = [&w](int i) { return w[(i + 2) / 4] >> (8 * ((i + 2) % 4)); };
#pragma GCC unroll 16
    for (int s = 0; s < 16; ++s) {
      const I32 code = (byte(s % 8) >> (4 * (s / 8)) & 15) | (byte(8 + s % 4) >> (2 * (s / 4)) & 3) << 4;
      store(scale + s * kLanes, d * to_float(code - 32));
    }
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge
