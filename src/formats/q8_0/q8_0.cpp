#include "formats/q8_0/q8_0.h"

#include <cmath>

#include "formats/half.h"

namespace ridge {
namespace {

void decode(const void* in, float* out, int64_t n) {
  const auto* b = static_cast<const BlockQ8_0*>(in);
  for (int64_t i = 0; i < n; i += 32, ++b) {
    const float d = f32_of_f16(b->d);
    for (int j = 0; j < 32; ++j) out[i + j] = d * static_cast<float>(b->q[j]);
  }
}

// d = max|x| / 127; q = round half away from zero (x / d).
void encode(const float* in, void* out, int64_t n, const float*) {
  auto* b = static_cast<BlockQ8_0*>(out);
  for (int64_t i = 0; i < n; i += 32, ++b) {
    float most = 0;
    for (int j = 0; j < 32; ++j) most = std::fmax(most, std::fabs(in[i + j]));
    const float d = most / 127.0f;
    const float inverse = d != 0 ? 1.0f / d : 0.0f;
    b->d = f16_of_f32(d);
    for (int j = 0; j < 32; ++j) {
      const float q = std::round(in[i + j] * inverse);
      b->q[j] = std::fabs(q) <= 127 ? static_cast<int8_t>(q)
                                    : int8_t{0};  // the inverse of a subnormal d may be infinite
    }
  }
}

}  // namespace

const Format tables::format_q8_0{
    "q8_0", FormatKind::block, 32, 34, 8, nullptr, decode, encode, "32 signed bytes and an f16 scale (GGUF)"};

}  // namespace ridge
