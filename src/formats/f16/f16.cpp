#include "formats/f16/f16.h"

#include "formats/half.h"

namespace ridge {
namespace {

void decode(const void* in, float* out, int64_t n) {
  const auto* h = static_cast<const uint16_t*>(in);
  for (int64_t i = 0; i < n; ++i) out[i] = f32_of_f16(h[i]);
}

void encode(const float* in, void* out, int64_t n, const float*) {
  auto* h = static_cast<uint16_t*>(out);
  for (int64_t i = 0; i < n; ++i) h[i] = f16_of_f32(in[i]);
}

}  // namespace

const Format tables::format_f16{"f16", FormatKind::real, 1, 2, 1, "F16", decode, encode, "IEEE 754 binary16"};

}  // namespace ridge
