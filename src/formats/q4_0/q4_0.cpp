#include "formats/q4_0/q4_0.h"

#include "formats/half.h"
#include "formats/scale_search.h"

namespace ridge {
namespace {

using namespace formats;

void decode(const void* in, float* out, int64_t n) {
  const auto* b = static_cast<const BlockQ4_0*>(in);
  for (int64_t i = 0; i < n; i += 32, ++b) {
    const float d = f32_of_f16(b->d);
    for (int j = 0; j < 16; ++j) {
      out[i + j] = d * static_cast<float>((b->q[j] & 15) - 8);
      out[i + j + 16] = d * static_cast<float>((b->q[j] >> 4) - 8);
    }
  }
}

// The element of largest magnitude takes code 0 (value -8 d), so d keeps its sign; codes round by adding a
// half.
float encode_plain(const float* x, uint8_t* codes) {
  const float d = extreme_of(x, 32) / -8.0f;
  const float inverse = d != 0 ? 1.0f / d : 0.0f;
  for (int j = 0; j < 32; ++j) codes[j] = static_cast<uint8_t>(truncate_code(x[j] * inverse + 8.5f, 15));
  return d;
}

void encode(const float* in, void* out, int64_t n, const float* importance) {
  auto* b = static_cast<BlockQ4_0*>(out);
  const float spread = importance ? energy(in, n) / static_cast<float>(n) : 0.0f;
  for (int64_t i = 0; i < n; i += 32, ++b) {
    uint8_t codes[32];
    if (importance) {
      float weights[32];
      importance_weights(in + i, importance + i, 32, spread, weights);
      b->d = f16_of_f32(fit_symmetric(in + i, weights, 32, 8, codes));
    } else {
      b->d = f16_of_f32(encode_plain(in + i, codes));
    }
    for (int j = 0; j < 16; ++j) b->q[j] = static_cast<uint8_t>(codes[j] | codes[j + 16] << 4);
  }
}

}  // namespace

const Format tables::format_q4_0{
    "q4_0", FormatKind::block, 32, 18, 2, nullptr, decode, encode, "32 nibbles and an f16 scale (GGUF)"};

}  // namespace ridge
