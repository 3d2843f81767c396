#include "formats/k_quants.h"

#include <algorithm>
#include <cmath>

#include "formats/half.h"

namespace ridge::formats {

void pack_scales_mins(const uint8_t scale[8], const uint8_t min[8], uint8_t packed[12]) {
  for (int s = 0; s < 4; ++s) {
    packed[s] = static_cast<uint8_t>(scale[s] | scale[s + 4] >> 4 << 6);
    packed[s + 4] = static_cast<uint8_t>(min[s] | min[s + 4] >> 4 << 6);
    packed[s + 8] = static_cast<uint8_t>((scale[s + 4] & 15) | (min[s + 4] & 15) << 4);
  }
}

void unpack_scales_mins(const uint8_t packed[12], uint8_t scale[8], uint8_t min[8]) {
  for (int s = 0; s < 4; ++s) {
    scale[s] = packed[s] & 63;
    min[s] = packed[s + 4] & 63;
    scale[s + 4] = static_cast<uint8_t>((packed[s + 8] & 15) | packed[s] >> 6 << 4);
    min[s + 4] = static_cast<uint8_t>(packed[s + 8] >> 4 | packed[s + 4] >> 6 << 4);
  }
}

void pack_two_bits(const uint8_t codes[kSuper], uint8_t packed[64]) {
  for (int h = 0; h < 2; ++h)
    for (int l = 0; l < 32; ++l) {
      const uint8_t* c = codes + 128 * h + l;
      packed[32 * h + l] =
          static_cast<uint8_t>((c[0] & 3) | (c[32] & 3) << 2 | (c[64] & 3) << 4 | (c[96] & 3) << 6);
    }
}

void pack_nibbles(const uint8_t codes[kSuper], uint8_t packed[128]) {
  for (int g = 0; g < 4; ++g)
    for (int l = 0; l < 32; ++l) {
      const uint8_t* c = codes + 64 * g + l;
      packed[32 * g + l] = static_cast<uint8_t>((c[0] & 15) | (c[32] & 15) << 4);
    }
}

void pack_bit(const uint8_t codes[kSuper], int bit, uint8_t packed[32]) {
  for (int l = 0; l < 32; ++l) {
    int byte = 0;
    for (int k = 0; k < 8; ++k) byte |= (codes[32 * k + l] >> bit & 1) << k;
    packed[l] = static_cast<uint8_t>(byte);
  }
}

namespace {

// Scales (or mins) of the sub-blocks as integers 0 .. top under the largest of them; returns the unit.
float quantize_by_largest(const float* values, int n, int top, uint8_t* codes) {
  float most = 0;
  for (int s = 0; s < n; ++s) most = std::max(most, values[s]);
  const float inverse = most > 0 ? static_cast<float>(top) / most : 0.0f;
  for (int s = 0; s < n; ++s)
    codes[s] = static_cast<uint8_t>(std::clamp(round_even(inverse * values[s]), 0, top));
  return most / static_cast<float>(top);
}

}  // namespace

void encode_affine(const float* x, const float* importance, const AffineRule& rule, AffineSuper& out) {
  const int subs = kSuper / rule.sub;
  const float spread = importance ? rule.spread * energy(x, kSuper) / kSuper : 0.0f;
  float weights[32], scale[16], min[16], weight_of_sub[16];
  for (int s = 0; s < subs; ++s) {
    const float* xs = x + s * rule.sub;
    if (importance) {
      importance_weights(xs, importance + s * rule.sub, rule.sub, spread, weights);
    } else {
      const float floor =
          rule.rms_weights ? std::sqrt(energy(xs, rule.sub) / static_cast<float>(rule.sub)) : 0.0f;
      for (int i = 0; i < rule.sub; ++i) weights[i] = floor + std::fabs(xs[i]);
    }
    weight_of_sub[s] = 0;
    for (int i = 0; i < rule.sub; ++i) weight_of_sub[s] += weights[i];
    const AffineFit fit = fit_affine(xs, weights, rule.sub, rule.top_code,
                                     importance ? kImportanceTrials : rule.trials, out.code + s * rule.sub);
    scale[s] = fit.scale, min[s] = fit.min;
  }
  if (importance) {
    out.d = f16_of_f32(fit_unsigned(scale, weight_of_sub, subs, rule.top_scale, out.scale));
    out.dmin = f16_of_f32(fit_unsigned(min, weight_of_sub, subs, rule.top_scale, out.min));
  } else {
    out.d = f16_of_f32(quantize_by_largest(scale, subs, rule.top_scale, out.scale));
    out.dmin = f16_of_f32(quantize_by_largest(min, subs, rule.top_scale, out.min));
  }
  for (int s = 0; s < subs; ++s) {
    const float d = f32_of_f16(out.d) * static_cast<float>(out.scale[s]);
    if (d == 0) continue;
    const float m = f32_of_f16(out.dmin) * static_cast<float>(out.min[s]);
    for (int i = s * rule.sub; i < (s + 1) * rule.sub; ++i)
      out.code[i] = static_cast<uint8_t>(std::clamp(round_even((x[i] + m) / d), 0, rule.top_code));
  }
}

void recode_symmetric(const float* x, int n, float d, int half, uint8_t* codes) {
  if (d == 0) return;
  for (int i = 0; i < n; ++i)
    codes[i] = static_cast<uint8_t>(half + std::clamp(round_even(x[i] / d), -half, half - 1));
}

}  // namespace ridge::formats
