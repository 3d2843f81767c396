#include "formats/nvfp4/nvfp4.h"

#include <algorithm>

#include "formats/fp4.h"
#include "formats/scale_search.h"

namespace ridge {

namespace {

using namespace formats;

// The E4M3 code of a scale >= 0: rounds half up, and gives the largest, 448, for all from 256 on, as GGUF's
// reference does (groups beyond 6 * 256 need the tensor's own scale).
uint8_t ue4m3_of_f32(float x) {
  if (!(x > 0)) return 0;
  if (x >= 256) return 0x7e;
  const auto bits = std::bit_cast<uint32_t>(x);
  const int exponent = static_cast<int>(bits >> 23) - 127 + 7;
  if (exponent <= 0)
    return static_cast<uint8_t>(std::min(7, static_cast<int>(x * 512.0f + 0.5f)));  // subnormal: k * 2^-9
  // Three mantissa bits and half of the next added: a carry runs into the exponent.
  const int code = (exponent << 3 | static_cast<int>(bits >> 20 & 7)) + static_cast<int>(bits >> 19 & 1);
  return static_cast<uint8_t>(code < 15 << 3 ? code : 0x7e);
}

void decode(const void* in, float* out, int64_t n) {
  const auto* b = static_cast<const BlockNVFP4*>(in);
  for (int64_t i = 0; i < n; i += 64, ++b)
    for (int g = 0; g < 4; ++g) {
      const float scale = half_ue4m3(b->scales[g]);
      float* group = out + i + 16 * g;
      for (int j = 0; j < 8; ++j) {
        group[j] = scale * kE2M1Doubled[b->q[8 * g + j] & 15];
        group[j + 8] = scale * kE2M1Doubled[b->q[8 * g + j] >> 4];
      }
    }
}

// The scale maps the largest magnitude of a group on 6, the largest E2M1 value.
void encode(const float* in, void* out, int64_t n, const float*) {
  auto* b = static_cast<BlockNVFP4*>(out);
  for (int64_t i = 0; i < n; i += 64, ++b)
    for (int g = 0; g < 4; ++g) {
      const float* group = in + i + 16 * g;
      b->scales[g] = ue4m3_of_f32(std::fabs(extreme_of(group, 16)) / 6.0f);
      const float scale = half_ue4m3(b->scales[g]);
      for (int j = 0; j < 8; ++j)
        b->q[8 * g + j] =
            static_cast<uint8_t>(e2m1_code(group[j], scale) | e2m1_code(group[j + 8], scale) << 4);
    }
}

}  // namespace

const Format tables::format_nvfp4{"nvfp4",
                                  FormatKind::block,
                                  64,
                                  36,
                                  40,
                                  nullptr,
                                  decode,
                                  encode,
                                  "64 E2M1 floats, an E4M3 scale a 16 (NVFP4 in GGUF)"};

}  // namespace ridge
