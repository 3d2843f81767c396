#include "formats/f8_e5m2/f8_e5m2.h"

#include "formats/float8.h"

namespace ridge {
namespace {

void decode(const void* in, float* out, int64_t n) {
  const auto* codes = static_cast<const uint8_t*>(in);
  for (int64_t i = 0; i < n; ++i) out[i] = formats::f32_of_e5m2(codes[i]);
}

void encode(const float* in, void* out, int64_t n, const float*) {
  auto* codes = static_cast<uint8_t*>(out);
  for (int64_t i = 0; i < n; ++i) codes[i] = formats::e5m2_of_f32(in[i]);
}

}  // namespace

const Format tables::format_f8_e5m2{
    "f8_e5m2",
    FormatKind::real,
    1,
    1,
    -1,
    "F8_E5M2",
    decode,
    encode,
    "FP8 E5M2 (the upper byte of binary16; largest 57344); encoding saturates"};

}  // namespace ridge
