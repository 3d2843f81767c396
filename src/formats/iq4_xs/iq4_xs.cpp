#include "formats/iq4_xs/iq4_xs.h"

#include <algorithm>

#include "formats/half.h"
#include "formats/iq4_values.h"
#include "formats/k_quants.h"

namespace ridge {
namespace {

using namespace formats;

int scale_of(const BlockIQ4_XS& b, int s) {
  return (b.scales_low[s / 2] >> (s % 2 * 4) & 15) | (b.scales_high >> (2 * s) & 3) << 4;
}

void decode(const void* in, float* out, int64_t n) {
  const auto* b = static_cast<const BlockIQ4_XS*>(in);
  for (; n > 0; n -= kSuper, ++b) {
    const float d = f32_of_f16(b->d);
    for (int s = 0; s < 8; ++s, out += 32) {
      const float scale = d * static_cast<float>(scale_of(*b, s) - 32);
      for (int j = 0; j < 16; ++j) {
        out[j] = scale * kIq4Values[b->q[16 * s + j] & 15];
        out[j + 16] = scale * kIq4Values[b->q[16 * s + j] >> 4];
      }
    }
  }
}

// Each sub-block by itself; the scale of largest magnitude takes -32; codes are chosen again under the scales
// in single precision (before d is rounded to f16).
void encode_super(const float* x, const float* importance, BlockIQ4_XS& b) {
  const float spread = energy(x, kSuper) * (2.0f / kSuper);
  float scale[8];
  for (int s = 0; s < 8; ++s)
    scale[s] = fit_iq4(x + 32 * s, importance ? importance + 32 * s : nullptr, spread);
  const float d = -extreme_of(scale, 8) / 32;
  const float inverse = d != 0 ? 1 / d : 0.0f;
  b.d = f16_of_f32(d);
  int high = 0;
  std::fill_n(b.scales_low, 4, uint8_t{0});
  for (int s = 0; s < 8; ++s) {
    const int rounded = std::clamp(round_even(inverse * scale[s]), -32, 31);
    const int stored = rounded + 32;
    b.scales_low[s / 2] = static_cast<uint8_t>(b.scales_low[s / 2] | (stored & 15) << (s % 2 * 4));
    high |= stored >> 4 << (2 * s);
    const float of_sub = d * static_cast<float>(rounded);
    const float to_code = of_sub != 0 ? 1 / of_sub : 0.0f;
    const float* xs = x + 32 * s;
    for (int j = 0; j < 16; ++j)
      b.q[16 * s + j] = static_cast<uint8_t>(iq4_code(to_code * xs[j]) | iq4_code(to_code * xs[j + 16]) << 4);
  }
  b.scales_high = static_cast<uint16_t>(high);
}

void encode(const float* in, void* out, int64_t n, const float* importance) {
  auto* b = static_cast<BlockIQ4_XS*>(out);
  for (int64_t i = 0; i < n; i += kSuper, ++b)
    encode_super(in + i, importance ? importance + i : nullptr, *b);
}

}  // namespace

const Format tables::format_iq4_xs{
    "iq4_xs",
    FormatKind::block,
    256,
    136,
    23,
    nullptr,
    decode,
    encode,
    "super-blocks of 256: indices of 16 uneven values, a 6-bit scale a 32 (GGUF)"};

}  // namespace ridge
