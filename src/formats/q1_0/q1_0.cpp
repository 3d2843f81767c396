#include "formats/q1_0/q1_0.h"

#include <cmath>
#include <cstring>

#include "formats/half.h"

namespace ridge {
namespace {

void decode(const void* in, float* out, int64_t n) {
  const auto* b = static_cast<const BlockQ1_0*>(in);
  for (int64_t i = 0; i < n; i += 128, ++b) {
    const float d = f32_of_f16(b->d);
    for (int j = 0; j < 128; ++j) out[i + j] = b->q[j / 8] >> (j % 8) & 1 ? d : -d;
  }
}

// The mean magnitude is the scale, the one that the signs alone make best; zeros count as positive.
void encode(const float* in, void* out, int64_t n, const float* /*importance*/) {
  auto* b = static_cast<BlockQ1_0*>(out);
  for (int64_t i = 0; i < n; i += 128, ++b) {
    float sum = 0;
    std::memset(b->q, 0, sizeof(b->q));
    for (int j = 0; j < 128; ++j) {
      sum += std::fabs(in[i + j]);
      if (in[i + j] >= 0) b->q[j / 8] |= static_cast<uint8_t>(1u << (j % 8));
    }
    b->d = f16_of_f32(sum / 128);
  }
}

}  // namespace

const Format tables::format_q1_0{
    "q1_0", FormatKind::block, 128, 18, 41, nullptr, decode, encode, "128 signs and an f16 scale (GGUF)"};

}  // namespace ridge
