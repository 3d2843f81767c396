#include "formats/tq1_0/tq1_0.h"

#include <algorithm>
#include <cmath>

#include "formats/half.h"

namespace ridge {
namespace {

// Runs of bytes whose values lie `width` apart, from element `first` on.
struct Run {
  int byte, width, values, first;
};
constexpr Run kRuns[] = {{0, 32, 5, 0}, {32, 16, 5, 160}, {48, 4, 4, 240}};
constexpr uint8_t kPowers[] = {1, 3, 9, 27, 81};

void decode(const void* in, float* out, int64_t n) {
  const auto* b = static_cast<const BlockTQ1_0*>(in);
  for (int64_t i = 0; i < n; i += 256, ++b) {
    const float d = f32_of_f16(b->d);
    for (const Run& r : kRuns)
      for (int k = 0; k < r.values; ++k)
        for (int j = 0; j < r.width; ++j) {
          const auto rest = static_cast<uint8_t>(b->q[r.byte + j] * kPowers[k]);
          out[i + r.first + k * r.width + j] = d * static_cast<float>((rest * 3 >> 8) - 1);
        }
  }
}

// As TQ2_0: the largest magnitude is the scale, shares of it round to the nearest, halves away from zero.
void encode(const float* in, void* out, int64_t n, const float* /*importance*/) {
  auto* b = static_cast<BlockTQ1_0*>(out);
  for (int64_t i = 0; i < n; i += 256, ++b) {
    float most = 0;
    for (int j = 0; j < 256; ++j) most = std::max(most, std::fabs(in[i + j]));
    const float inverse = most > 0 ? 1.0f / most : 0.0f;
    b->d = f16_of_f32(most);
    for (const Run& r : kRuns)
      for (int j = 0; j < r.width; ++j) {
        int x = 0;
        for (int k = 0; k < 5; ++k) {
          x *= 3;
          if (k < r.values)
            x += static_cast<int>(std::lround(in[i + r.first + k * r.width + j] * inverse)) + 1;
        }
        b->q[r.byte + j] = static_cast<uint8_t>((x * 256 + 242) / 243);
      }
  }
}

}  // namespace

const Format tables::format_tq1_0{"tq1_0",
                                  FormatKind::block,
                                  256,
                                  54,
                                  34,
                                  nullptr,
                                  decode,
                                  encode,
                                  "256 ternary values, five to a byte, and an f16 scale (GGUF)"};

}  // namespace ridge
