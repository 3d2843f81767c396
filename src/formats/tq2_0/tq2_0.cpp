#include "formats/tq2_0/tq2_0.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "formats/half.h"

namespace ridge {
namespace {

void decode(const void* in, float* out, int64_t n) {
  const auto* b = static_cast<const BlockTQ2_0*>(in);
  for (int64_t i = 0; i < n; i += 256, ++b) {
    const float d = f32_of_f16(b->d);
    for (int j = 0; j < 256; ++j) {
      const int q = b->q[j / 128 * 32 + j % 32] >> (2 * (j % 128 / 32)) & 3;
      out[i + j] = d * static_cast<float>(q - 1);
    }
  }
}

// The largest magnitude is the scale; shares of it round to the nearest of -1, 0, 1, halves away from zero.
void encode(const float* in, void* out, int64_t n, const float* /*importance*/) {
  auto* b = static_cast<BlockTQ2_0*>(out);
  for (int64_t i = 0; i < n; i += 256, ++b) {
    float most = 0;
    for (int j = 0; j < 256; ++j) most = std::max(most, std::fabs(in[i + j]));
    const float inverse = most > 0 ? 1.0f / most : 0.0f;
    b->d = f16_of_f32(most);
    std::memset(b->q, 0, sizeof(b->q));
    for (int j = 0; j < 256; ++j) {
      const auto q = static_cast<unsigned>(std::lround(in[i + j] * inverse) + 1) & 3;
      b->q[j / 128 * 32 + j % 32] |= static_cast<uint8_t>(q << (2 * (j % 128 / 32)));
    }
  }
}

}  // namespace

const Format tables::format_tq2_0{"tq2_0",
                                  FormatKind::block,
                                  256,
                                  66,
                                  35,
                                  nullptr,
                                  decode,
                                  encode,
                                  "256 ternary values of two bits and an f16 scale (GGUF)"};

}  // namespace ridge
