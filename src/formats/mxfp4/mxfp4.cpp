#include "formats/mxfp4/mxfp4.h"

#include <algorithm>
#include <cmath>

#include "formats/fp4.h"
#include "formats/scale_search.h"

namespace ridge {
namespace {

using namespace formats;

void decode(const void* in, float* out, int64_t n) {
  const auto* b = static_cast<const BlockMXFP4*>(in);
  for (int64_t i = 0; i < n; i += 32, ++b) {
    const float scale = half_e8m0(b->exponent);
    for (int j = 0; j < 16; ++j) {
      out[i + j] = scale * kE2M1Doubled[b->q[j] & 15];
      out[i + j + 16] = scale * kE2M1Doubled[b->q[j] >> 4];
    }
  }
}

// The exponent of the largest magnitude less that of the largest E2M1 value (6 = 1.5 * 2^2), as in
// section 6.3 of the specification. The logarithm is rounded to single precision first, as in GGUF's
// reference: a magnitude a few units in the last place below a power of two counts as that power.
uint8_t shared_exponent(float most) {
  if (!(most > 0)) return 0;
  return static_cast<uint8_t>(std::max(0, static_cast<int>(std::floor(std::log2(most))) - 2 + 127));
}

void encode(const float* in, void* out, int64_t n, const float*) {
  auto* b = static_cast<BlockMXFP4*>(out);
  for (int64_t i = 0; i < n; i += 32, ++b) {
    const float* x = in + i;
    b->exponent = shared_exponent(std::fabs(extreme_of(x, 32)));
    const float scale = half_e8m0(b->exponent);
    for (int j = 0; j < 16; ++j)
      b->q[j] = static_cast<uint8_t>(e2m1_code(x[j], scale) | e2m1_code(x[j + 16], scale) << 4);
  }
}

}  // namespace

const Format tables::format_mxfp4{"mxfp4",
                                  FormatKind::block,
                                  32,
                                  17,
                                  39,
                                  nullptr,
                                  decode,
                                  encode,
                                  "32 E2M1 floats and an E8M0 scale (OCP MX)"};

}  // namespace ridge
