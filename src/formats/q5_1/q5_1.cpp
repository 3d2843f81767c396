#include "formats/q5_1/q5_1.h"

#include <algorithm>

#include "formats/five_bits.h"
#include "formats/half.h"
#include "formats/scale_search.h"

namespace ridge {
namespace {

using namespace formats;

void decode(const void* in, float* out, int64_t n) {
  const auto* b = static_cast<const BlockQ5_1*>(in);
  for (int64_t i = 0; i < n; i += 32, ++b) {
    const float d = f32_of_f16(b->d), m = f32_of_f16(b->m);
    for (int j = 0; j < 32; ++j) out[i + j] = static_cast<float>(five_bits(b->q, b->high, j)) * d + m;
  }
}

// m is the least element, and the greatest takes code 31.
void encode_plain(const float* x, BlockQ5_1& b, uint8_t* codes) {
  const auto [low, high] = std::minmax_element(x, x + 32);
  const float m = *low, d = (*high - m) / 31.0f;
  const float inverse = d != 0 ? 1.0f / d : 0.0f;
  b.d = f16_of_f32(d), b.m = f16_of_f32(m);
  for (int j = 0; j < 32; ++j)
    codes[j] = static_cast<uint8_t>(truncate_code((x[j] - m) * inverse + 0.5f, 31));
}

void encode_weighted(const float* x, const float* importance, float spread, BlockQ5_1& b, uint8_t* codes) {
  float weights[32];
  importance_weights(x, importance, 32, spread, weights);
  const AffineFit fit = fit_affine(x, weights, 32, 31, kImportanceTrials, codes);
  b.d = f16_of_f32(fit.scale), b.m = f16_of_f32(-fit.min);
}

void encode(const float* in, void* out, int64_t n, const float* importance) {
  auto* b = static_cast<BlockQ5_1*>(out);
  const float spread = importance ? energy(in, n) / static_cast<float>(n) : 0.0f;
  for (int64_t i = 0; i < n; i += 32, ++b) {
    uint8_t codes[32];
    if (importance)
      encode_weighted(in + i, importance + i, spread, *b, codes);
    else
      encode_plain(in + i, *b, codes);
    pack_five_bits(codes, b->q, b->high);
  }
}

}  // namespace

const Format tables::format_q5_1{"q5_1",
                                 FormatKind::block,
                                 32,
                                 24,
                                 7,
                                 nullptr,
                                 decode,
                                 encode,
                                 "32 five-bit codes, an f16 scale and an f16 offset (GGUF)"};

}  // namespace ridge
