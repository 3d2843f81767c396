#include "formats/q3_k/q3_k.h"

#include <algorithm>
#include <cstring>

#include "formats/half.h"
#include "formats/k_quants.h"

namespace ridge {
namespace {

using namespace formats;

// Scale s as stored, 0 .. 63.
int scale_of(const BlockQ3_K& b, int s) {
  return (b.scales[s % 8] >> (s / 8 * 4) & 15) | (b.scales[8 + s % 4] >> (s / 4 * 2) & 3) << 4;
}

void pack_scales(const uint8_t scale[16], BlockQ3_K& b) {
  std::memset(b.scales, 0, sizeof b.scales);
  for (int s = 0; s < 16; ++s) {
    b.scales[s % 8] = static_cast<uint8_t>(b.scales[s % 8] | (scale[s] & 15) << (s / 8 * 4));
    b.scales[8 + s % 4] = static_cast<uint8_t>(b.scales[8 + s % 4] | scale[s] >> 4 << (s / 4 * 2));
  }
}

void decode(const void* in, float* out, int64_t n) {
  const auto* b = static_cast<const BlockQ3_K*>(in);
  for (; n > 0; n -= kSuper, out += kSuper, ++b) {
    const float d = f32_of_f16(b->d);
    for (int s = 0; s < 16; ++s) {
      const float scale = d * static_cast<float>(scale_of(*b, s) - 32);
      for (int i = 16 * s; i < 16 * s + 16; ++i)
        out[i] = scale * static_cast<float>((two_bits(b->q, i) | one_bit(b->high, i) << 2) - 4);
    }
  }
}

// The sub-block scale of largest magnitude takes -32, the others round under it.
float quantize_scales(const float scale[16], uint8_t stored[16]) {
  const float extreme = extreme_of(scale, 16);
  if (extreme == 0) {
    std::memset(stored, 0, 16);
    return 0;
  }
  const float inverse = -32.0f / extreme;
  for (int s = 0; s < 16; ++s)
    stored[s] = static_cast<uint8_t>(32 + std::clamp(round_even(inverse * scale[s]), -32, 31));
  return 1 / inverse;
}

// Fits the sub-blocks: codes, and scales as stored under the returned unit.
float fit_sub_blocks(const float* x, const float* importance, uint8_t* codes, uint8_t stored[16]) {
  float scale[16];
  if (!importance) {
    for (int s = 0; s < 16; ++s) scale[s] = fit_symmetric_descent(x + 16 * s, 16, 4, codes + 16 * s);
    return quantize_scales(scale, stored);
  }
  const float spread = 2 * energy(x, kSuper) / kSuper;
  float weights[16], weight_of_sub[16];
  for (int s = 0; s < 16; ++s) {
    importance_weights(x + 16 * s, importance + 16 * s, 16, spread, weights);
    weight_of_sub[s] = 0;
    for (const float w : weights) weight_of_sub[s] += w;
    scale[s] = fit_symmetric(x + 16 * s, weights, 16, 4, codes + 16 * s);
  }
  return fit_symmetric(scale, weight_of_sub, 16, 32, stored);
}

void encode(const float* in, void* out, int64_t n, const float* importance) {
  auto* b = static_cast<BlockQ3_K*>(out);
  for (int64_t i = 0; i < n; i += kSuper, ++b) {
    uint8_t codes[kSuper], stored[16];
    b->d = f16_of_f32(fit_sub_blocks(in + i, importance ? importance + i : nullptr, codes, stored));
    const float d = f32_of_f16(b->d);
    for (int s = 0; s < 16; ++s)
      recode_symmetric(in + i + 16 * s, 16, d * static_cast<float>(stored[s] - 32), 4, codes + 16 * s);
    pack_scales(stored, *b);
    pack_two_bits(codes, b->q);
    pack_bit(codes, 2, b->high);
  }
}

}  // namespace

const Format tables::format_q3_k{"q3_k",
                                 FormatKind::block,
                                 256,
                                 110,
                                 11,
                                 nullptr,
                                 decode,
                                 encode,
                                 "super-blocks of 256: 3-bit codes, a 6-bit scale a 16 (GGUF k-quant)"};

}  // namespace ridge
