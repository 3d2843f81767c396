#include "formats/f8_e4m3/f8_e4m3.h"

#include "formats/float8.h"

namespace ridge {
namespace {

void decode(const void* in, float* out, int64_t n) {
  const auto* codes = static_cast<const uint8_t*>(in);
  for (int64_t i = 0; i < n; ++i) out[i] = formats::f32_of_e4m3(codes[i]);
}

void encode(const float* in, void* out, int64_t n, const float*) {
  auto* codes = static_cast<uint8_t*>(out);
  for (int64_t i = 0; i < n; ++i) codes[i] = formats::e4m3_of_f32(in[i]);
}

}  // namespace

const Format tables::format_f8_e4m3{"f8_e4m3",
                                    FormatKind::real,
                                    1,
                                    1,
                                    -1,
                                    "F8_E4M3",
                                    decode,
                                    encode,
                                    "FP8 E4M3 (finite and NaN; largest 448); encoding saturates"};

}  // namespace ridge
