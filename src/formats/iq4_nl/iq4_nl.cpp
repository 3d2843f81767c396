#include "formats/iq4_nl/iq4_nl.h"

#include "formats/half.h"
#include "formats/iq4_values.h"
#include "formats/scale_search.h"

namespace ridge {
namespace {

using namespace formats;

void decode(const void* in, float* out, int64_t n) {
  const auto* b = static_cast<const BlockIQ4_NL*>(in);
  for (int64_t i = 0; i < n; i += 32, ++b) {
    const float d = f32_of_f16(b->d);
    for (int j = 0; j < 16; ++j) {
      out[i + j] = d * kIq4Values[b->q[j] & 15];
      out[i + j + 16] = d * kIq4Values[b->q[j] >> 4];
    }
  }
}

void encode(const float* in, void* out, int64_t n, const float* importance) {
  auto* b = static_cast<BlockIQ4_NL*>(out);
  for (int64_t i = 0; i < n; i += 32, ++b) {
    const float* x = in + i;
    const float d = fit_iq4(x, importance ? importance + i : nullptr, energy(x, 32) * (2.0f / 32));
    const float inverse = d != 0 ? 1 / d : 0.0f;
    b->d = f16_of_f32(d);
    for (int j = 0; j < 16; ++j)
      b->q[j] = static_cast<uint8_t>(iq4_code(inverse * x[j]) | iq4_code(inverse * x[j + 16]) << 4);
  }
}

}  // namespace

const Format tables::format_iq4_nl{"iq4_nl",
                                   FormatKind::block,
                                   32,
                                   18,
                                   20,
                                   nullptr,
                                   decode,
                                   encode,
                                   "32 indices of 16 uneven values and an f16 scale (GGUF)"};

}  // namespace ridge
