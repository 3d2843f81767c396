#include "formats/q5_k/q5_k.h"

#include "formats/half.h"
#include "formats/k_quants.h"

namespace ridge {
namespace {

using namespace formats;

void decode(const void* in, float* out, int64_t n) {
  const auto* b = static_cast<const BlockQ5_K*>(in);
  for (; n > 0; n -= kSuper, out += kSuper, ++b) {
    const float d = f32_of_f16(b->d), dmin = f32_of_f16(b->dmin);
    uint8_t scales[8], mins[8];
    unpack_scales_mins(b->scales, scales, mins);
    for (int s = 0; s < 8; ++s) {
      const float scale = d * static_cast<float>(scales[s]), min = dmin * static_cast<float>(mins[s]);
      for (int i = 32 * s; i < 32 * s + 32; ++i)
        out[i] = scale * static_cast<float>(nibble(b->q, i) | one_bit(b->high, i) << 4) - min;
    }
  }
}

constexpr AffineRule kRule{32, 31, 63, true, {-0.5f, 0.1f, 15, false}, 2.0f};

void encode(const float* in, void* out, int64_t n, const float* importance) {
  auto* b = static_cast<BlockQ5_K*>(out);
  for (int64_t i = 0; i < n; i += kSuper, ++b) {
    AffineSuper super;
    encode_affine(in + i, importance ? importance + i : nullptr, kRule, super);
    b->d = super.d, b->dmin = super.dmin;
    pack_scales_mins(super.scale, super.min, b->scales);
    pack_nibbles(super.code, b->q);
    pack_bit(super.code, 4, b->high);
  }
}

}  // namespace

const Format tables::format_q5_k{"q5_k",
                                 FormatKind::block,
                                 256,
                                 176,
                                 13,
                                 nullptr,
                                 decode,
                                 encode,
                                 "super-blocks of 256: 5-bit codes, 6-bit scale and min a 32 (GGUF k-quant)"};

}  // namespace ridge
