#include "formats/q2_0/q2_0.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "formats/half.h"

namespace ridge {
namespace {

void decode(const void* in, float* out, int64_t n) {
  const auto* b = static_cast<const BlockQ2_0*>(in);
  for (int64_t i = 0; i < n; i += 64, ++b) {
    const float d = f32_of_f16(b->d);
    for (int j = 0; j < 64; ++j) out[i + j] = static_cast<float>((b->q[j / 4] >> (2 * (j % 4)) & 3) - 1) * d;
  }
}

// The published rule takes the largest magnitude for d, so that code 3 (2 d) never comes up.
void encode(const float* in, void* out, int64_t n, const float* /*importance*/) {
  auto* b = static_cast<BlockQ2_0*>(out);
  for (int64_t i = 0; i < n; i += 64, ++b) {
    float most = 0;
    for (int j = 0; j < 64; ++j) most = std::max(most, std::fabs(in[i + j]));
    const float inverse = most > 0 ? 1.0f / most : 0.0f;
    b->d = f16_of_f32(most);
    std::memset(b->q, 0, sizeof(b->q));
    for (int j = 0; j < 64; ++j) {
      const long q = std::clamp(std::lround(in[i + j] * inverse) + 1, 0l, 3l);
      b->q[j / 4] |= static_cast<uint8_t>(q << (2 * (j % 4)));
    }
  }
}

}  // namespace

const Format tables::format_q2_0{"q2_0",
                                 FormatKind::block,
                                 64,
                                 18,
                                 42,
                                 nullptr,
                                 decode,
                                 encode,
                                 "64 values of two bits and an f16 scale (GGUF)"};

}  // namespace ridge
