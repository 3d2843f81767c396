#include "formats/q2_k/q2_k.h"

#include "formats/half.h"
#include "formats/k_quants.h"

namespace ridge {
namespace {

using namespace formats;

void decode(const void* in, float* out, int64_t n) {
  const auto* b = static_cast<const BlockQ2_K*>(in);
  for (; n > 0; n -= kSuper, out += kSuper, ++b) {
    const float d = f32_of_f16(b->d), dmin = f32_of_f16(b->dmin);
    for (int s = 0; s < 16; ++s) {
      const float scale = d * static_cast<float>(b->scales[s] & 15);
      const float min = dmin * static_cast<float>(b->scales[s] >> 4);
      for (int i = 16 * s; i < 16 * s + 16; ++i) out[i] = scale * static_cast<float>(two_bits(b->q, i)) - min;
    }
  }
}

constexpr AffineRule kRule{16, 3, 15, false, {-0.5f, 0.1f, 15, true}, 1.0f};

void encode(const float* in, void* out, int64_t n, const float* importance) {
  auto* b = static_cast<BlockQ2_K*>(out);
  for (int64_t i = 0; i < n; i += kSuper, ++b) {
    AffineSuper super;
    encode_affine(in + i, importance ? importance + i : nullptr, kRule, super);
    b->d = super.d, b->dmin = super.dmin;
    for (int s = 0; s < 16; ++s) b->scales[s] = static_cast<uint8_t>(super.scale[s] | super.min[s] << 4);
    pack_two_bits(super.code, b->q);
  }
}

}  // namespace

const Format tables::format_q2_k{"q2_k",
                                 FormatKind::block,
                                 256,
                                 84,
                                 10,
                                 nullptr,
                                 decode,
                                 encode,
                                 "super-blocks of 256: 2-bit codes, 4-bit scale and min a 16 (GGUF k-quant)"};

}  // namespace ridge
