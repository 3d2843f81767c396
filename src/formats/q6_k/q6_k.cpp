#include "formats/q6_k/q6_k.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "formats/half.h"
#include "formats/k_quants.h"

namespace ridge {
namespace {

using namespace formats;

int code_of(const BlockQ6_K& b, int i) {
  const int h = i / 128, r = i % 128;
  return (b.low[64 * h + r % 64] >> (r / 64 * 4) & 15) | (b.high[32 * h + r % 32] >> (r / 32 * 2) & 3) << 4;
}

void pack_codes(const uint8_t codes[kSuper], BlockQ6_K& b) {
  for (int h = 0; h < 2; ++h) {
    const uint8_t* c = codes + 128 * h;
    for (int l = 0; l < 64; ++l)
      b.low[64 * h + l] = static_cast<uint8_t>((c[l] & 15) | (c[l + 64] & 15) << 4);
    for (int l = 0; l < 32; ++l)
      b.high[32 * h + l] =
          static_cast<uint8_t>(c[l] >> 4 | c[l + 32] >> 4 << 2 | c[l + 64] >> 4 << 4 | c[l + 96] >> 4 << 6);
  }
}

void decode(const void* in, float* out, int64_t n) {
  const auto* b = static_cast<const BlockQ6_K*>(in);
  for (; n > 0; n -= kSuper, out += kSuper, ++b) {
    const float d = f32_of_f16(b->d);
    for (int s = 0; s < 16; ++s) {
      const float scale = d * static_cast<float>(b->scales[s]);
      for (int i = 16 * s; i < 16 * s + 16; ++i) out[i] = scale * static_cast<float>(code_of(*b, i) - 32);
    }
  }
}

// Each sub-block by itself (weights: the importance, else x^2), then scales in eight bits with the extreme
// one at -128.
void encode_super(const float* x, const float* importance, BlockQ6_K& b) {
  uint8_t codes[kSuper];
  float scale[16];
  for (int s = 0; s < 16; ++s) {
    float weights[16];
    for (int i = 0; i < 16; ++i) {
      const float v = x[16 * s + i];
      weights[i] = importance ? importance[16 * s + i] : v * v;
    }
    scale[s] = fit_symmetric(x + 16 * s, weights, 16, 32, codes + 16 * s);
  }
  const float extreme = extreme_of(scale, 16);
  if (std::fabs(extreme) < kZeroGroup) {
    std::memset(&b, 0, sizeof b);
    return;
  }
  const float inverse = -128.0f / extreme;
  b.d = f16_of_f32(1 / inverse);
  const float d = f32_of_f16(b.d);
  for (int s = 0; s < 16; ++s) {
    b.scales[s] = static_cast<int8_t>(std::clamp(round_even(inverse * scale[s]), -128, 127));
    recode_symmetric(x + 16 * s, 16, d * static_cast<float>(b.scales[s]), 32, codes + 16 * s);
  }
  pack_codes(codes, b);
}

void encode(const float* in, void* out, int64_t n, const float* importance) {
  auto* b = static_cast<BlockQ6_K*>(out);
  for (int64_t i = 0; i < n; i += kSuper, ++b)
    encode_super(in + i, importance ? importance + i : nullptr, *b);
}

}  // namespace

const Format tables::format_q6_k{"q6_k",
                                 FormatKind::block,
                                 256,
                                 210,
                                 14,
                                 nullptr,
                                 decode,
                                 encode,
                                 "super-blocks of 256: 6-bit codes, an 8-bit scale a 16 (GGUF k-quant)"};

}  // namespace ridge
