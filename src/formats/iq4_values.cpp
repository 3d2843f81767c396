#include "formats/iq4_values.h"

#include <array>
#include <cmath>

#include "formats/scale_search.h"

namespace ridge::formats {
namespace {

// For each integer v in -127 .. 112 the least code whose value is above v.
constexpr std::array<uint8_t, 240> kNextCode = [] {
  std::array<uint8_t, 240> next{};
  for (int v = -127; v < 113; ++v) {
    uint8_t code = 0;
    while (kIq4Values[code] <= v) ++code;
    next[static_cast<size_t>(v + 127)] = code;
  }
  return next;
}();

}  // namespace

uint8_t iq4_code(float v) {
  if (!(v > kIq4Values[0])) return 0;
  if (v >= kIq4Values[15]) return 15;
  const int shifted =
      static_cast<int>(v + 127.0f);  // floor, but for v just below an integer, which may round up to it
  uint8_t next = kNextCode[static_cast<size_t>(shifted < 240 ? shifted : 239)];
  if (next > 1 && v < kIq4Values[next - 1]) --next;
  return v - kIq4Values[next - 1] < kIq4Values[next] - v ? static_cast<uint8_t>(next - 1) : next;
}

float fit_iq4(const float* x, const float* importance, float spread) {
  const float extreme = extreme_of(x, 32);
  if (std::fabs(extreme) < kZeroGroup) return 0;
  float weights[32];
  for (int i = 0; i < 32; ++i) {
    const float square = x[i] * x[i];
    weights[i] = importance ? importance[i] * std::sqrt(spread + square) : square;
  }
  float scale = 0, explained = 0;
  const auto attempt = [&](float inverse, bool first) {
    float xq = 0, qq = 0;
    for (int i = 0; i < 32; ++i) {
      const float q = kIq4Values[iq4_code(inverse * x[i])];
      xq += weights[i] * q * x[i];
      qq += weights[i] * q * q;
    }
    if (first ? qq > 0 : qq > 0 && xq * xq > explained * qq) scale = xq / qq, explained = scale * xq;
  };
  // First the extreme on +127 (which the nearest value, 113, stands for), then on -134 .. -120.
  attempt(1 / (-extreme / kIq4Values[0]), true);
  for (int t = -7; t <= 7; ++t) attempt(static_cast<float>(t + kIq4Values[0]) / extreme, false);
  return scale;
}

}  // namespace ridge::formats
