// Four-bit floats E2M1 and the eight-bit scales that go with them (OCP Microscaling Formats (MX)
// Specification 1.0; NVFP4). E2M1 values are 0, 0.5, 1, 1.5, 2, 3, 4, 6 with a sign in the fourth bit. They
// are kept doubled, as integers, and the scales halved in turn: the products are the same.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

namespace ridge::formats {

inline constexpr int8_t kE2M1Doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

// The code whose value is nearest to x under a halved scale; of two equally near the one nearer to zero; +0
// for what rounds to zero.
inline uint8_t e2m1_code(float x, float half_scale) {
  const float magnitude = std::fabs(x);
  int best = 0;
  float least = magnitude;
  for (int code = 1; code < 8; ++code) {
    const float error = std::fabs(static_cast<float>(kE2M1Doubled[code]) * half_scale - magnitude);
    if (error < least) least = error, best = code;
  }
  return static_cast<uint8_t>(x < 0 && best > 0 ? best | 8 : best);
}

// Half of an E8M0 scale 2^(exponent - 127). The specification makes 255 a NaN; GGUF's reference reads it as
// 2^128, and so half of it as 2^127.
inline float half_e8m0(uint8_t exponent) {
  if (exponent < 2) return std::bit_cast<float>(0x00200000u << exponent);  // subnormal: 2^-128, 2^-127
  return std::bit_cast<float>(static_cast<uint32_t>(exponent - 1) << 23);
}

// Half of an unsigned E4M3 scale (bias 7, the sign bit ignored). 0x7f, NaN in E4M3, reads as 0.
inline float half_ue4m3(uint8_t code) {
  if (code == 0x7f) return 0;
  const int exponent = code >> 3 & 15, mantissa = code & 7;
  if (exponent == 0) return static_cast<float>(mantissa) * 0x1p-10f;
  return std::ldexp(static_cast<float>(8 + mantissa), exponent - 11);
}

}  // namespace ridge::formats
