// Every code of the real formats of 16 and 8 bits, against values computed from the definition: (-1)^s 2^e m
// in double, and rounding checked at, just below and just above each midpoint between neighbours.
#include "formats/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "formats/float8.h"

namespace ridge {
namespace {

struct Real {
  int mantissa_bits, exponent_bits, bias;
  bool has_infinity;
};

// The value of a code; NaN for NaNs.
double value_of(const Real& f, uint32_t code) {
  const uint32_t mantissa = code & ((1u << f.mantissa_bits) - 1);
  const uint32_t exponent = code >> f.mantissa_bits & ((1u << f.exponent_bits) - 1);
  const bool negative = code >> (f.mantissa_bits + f.exponent_bits) & 1;
  const uint32_t top = (1u << f.exponent_bits) - 1;
  double v;
  if (f.has_infinity && exponent == top)
    v = mantissa ? std::nan("") : HUGE_VAL;
  else if (!f.has_infinity && exponent == top && mantissa == (1u << f.mantissa_bits) - 1)
    v = std::nan("");
  else if (exponent == 0)
    v = std::ldexp(static_cast<double>(mantissa), 1 - f.bias - f.mantissa_bits);
  else
    v = std::ldexp(static_cast<double>(mantissa + (1u << f.mantissa_bits)),
                   static_cast<int>(exponent) - f.bias - f.mantissa_bits);
  return negative ? -v : v;
}

template <typename Decode, typename Encode>
void check_all(const Real& f, Decode decode, Encode encode) {
  const uint32_t codes = 1u << (1 + f.mantissa_bits + f.exponent_bits), sign = codes / 2;
  uint32_t last = 0;  // the largest finite magnitude
  for (uint32_t c = 0; c < codes; ++c) {
    const double want = value_of(f, c);
    const float got = decode(c);
    if (std::isnan(want)) {
      EXPECT_TRUE(std::isnan(got)) << c;
      EXPECT_TRUE(std::isnan(value_of(f, encode(got)))) << c;
      continue;
    }
    ASSERT_EQ(static_cast<double>(got), want) << c;
    ASSERT_EQ(std::signbit(got), (c & sign) != 0) << c;
    if (std::isfinite(want)) {
      ASSERT_EQ(encode(got), c);
      if (c < sign) last = c;
    }
  }
  for (uint32_t c = 0; c < last; ++c) {
    const double middle = (value_of(f, c) + value_of(f, c + 1)) / 2;
    const auto m = static_cast<float>(middle);
    ASSERT_EQ(static_cast<double>(m), middle) << "midpoints must be f32";
    const uint32_t even = c % 2 ? c + 1 : c;
    for (const uint32_t s : {0u, sign}) {
      const float side = s ? -1.0f : 1.0f;
      ASSERT_EQ(encode(side * m), even | s) << c;
      ASSERT_EQ(encode(side * std::nextafter(m, 0.0f)), c | s) << c;
      ASSERT_EQ(encode(side * std::nextafter(m, HUGE_VALF)), (c + 1) | s) << c;
    }
  }
}

TEST(Half, EveryF16Code) {
  check_all(
      {10, 5, 15, true}, [](uint32_t c) { return f32_of_f16(static_cast<uint16_t>(c)); },
      [](float v) -> uint32_t { return f16_of_f32(v); });
  EXPECT_EQ(f16_of_f32(65519.996f), 0x7bffu);  // below the midpoint of 65504 and 65536
  EXPECT_EQ(f16_of_f32(65520.0f), 0x7c00u);
  EXPECT_EQ(f16_of_f32(-HUGE_VALF), 0xfc00u);
}

TEST(Half, EveryBf16Code) {
  check_all(
      {7, 8, 127, true}, [](uint32_t c) { return f32_of_bf16(static_cast<uint16_t>(c)); },
      [](float v) -> uint32_t { return bf16_of_f32(v); });
  EXPECT_EQ(bf16_of_f32(std::numeric_limits<float>::max()), 0x7f80u);
}

TEST(Half, EveryE4M3Code) {
  check_all(
      {3, 4, 7, false}, [](uint32_t c) { return formats::f32_of_e4m3(static_cast<uint8_t>(c)); },
      [](float v) -> uint32_t { return formats::e4m3_of_f32(v); });
  for (const float beyond : {449.0f, 1e30f, HUGE_VALF}) EXPECT_EQ(formats::e4m3_of_f32(beyond), 0x7eu);
  EXPECT_EQ(formats::e4m3_of_f32(-1e9f), 0xfeu);
}

TEST(Half, EveryE5M2Code) {
  check_all(
      {2, 5, 15, true}, [](uint32_t c) { return formats::f32_of_e5m2(static_cast<uint8_t>(c)); },
      [](float v) -> uint32_t { return formats::e5m2_of_f32(v); });
  for (const float beyond : {57345.0f, 1e30f, HUGE_VALF}) EXPECT_EQ(formats::e5m2_of_f32(beyond), 0x7bu);
}

}  // namespace
}  // namespace ridge
