// Eight-bit floats (Micikevicius et al. 2022, "FP8 Formats for Deep Learning"; OCP OFP8). E4M3: bias 7, no
// infinity, NaN is 0x7f and 0xff, largest 448. E5M2: bias 15, infinities and NaNs as in IEEE formats, largest
// 57344.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

#include "formats/half.h"

namespace ridge::formats {

// E5M2 is the upper byte of binary16.
inline float f32_of_e5m2(uint8_t code) { return f32_of_f16(static_cast<uint16_t>(code << 8)); }

inline float f32_of_e4m3(uint8_t code) {
  const int exponent = code >> 3 & 15, mantissa = code & 7;
  float v;
  if (exponent == 15 && mantissa == 7)
    v = std::bit_cast<float>(0x7fc00000u);
  else if (exponent == 0)
    v = static_cast<float>(mantissa) * 0x1p-9f;
  else
    v = std::bit_cast<float>(static_cast<uint32_t>(exponent + 120) << 23 | static_cast<uint32_t>(mantissa)
                                                                               << 20);
  return code & 0x80 ? -v : v;
}

// The nearest code, ties to even; magnitudes beyond the largest finite one become that one (the saturating
// conversion), NaN stays NaN. `mantissa` bits, exponent `bias`, code of the largest finite number `top`, of
// NaN `nan`.
inline uint8_t float8_of_f32(float x, int mantissa, int bias, uint8_t top, uint8_t nan) {
  const auto bits = std::bit_cast<uint32_t>(x);
  const auto sign = static_cast<uint8_t>(bits >> 24 & 0x80);
  const uint32_t a = bits & 0x7fffffffu;
  if (a > 0x7f800000u) return sign | nan;
  const auto least = static_cast<uint32_t>(127 - bias + 1) << 23;  // the smallest normal number
  uint32_t code;
  if (a < least) {  // adding 1.5 * 2^(23 - e) leaves the multiple of the smallest subnormal in the low bits,
                    // rounded
    const float anchor = std::ldexp(1.5f, 23 + (1 - bias - mantissa));
    code = std::bit_cast<uint32_t>(std::bit_cast<float>(a) + anchor) - std::bit_cast<uint32_t>(anchor);
  } else {
    const int drop = 23 - mantissa;
    const uint32_t rounded = a + ((1u << (drop - 1)) - 1) + (a >> drop & 1);
    code = (rounded >> drop) - (static_cast<uint32_t>(127 - bias) << mantissa);
  }
  return static_cast<uint8_t>(sign | (code < top ? code : top));
}

inline uint8_t e4m3_of_f32(float x) { return float8_of_f32(x, 3, 7, 0x7e, 0x7f); }
inline uint8_t e5m2_of_f32(float x) { return float8_of_f32(x, 2, 15, 0x7b, 0x7e); }

}  // namespace ridge::formats
