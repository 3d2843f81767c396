#include "formats/bf16/bf16.h"

#include "formats/half.h"

namespace ridge {
namespace {

void decode(const void* in, float* out, int64_t n) {
  const auto* h = static_cast<const uint16_t*>(in);
  for (int64_t i = 0; i < n; ++i) out[i] = f32_of_bf16(h[i]);
}

void encode(const float* in, void* out, int64_t n, const float*) {
  auto* h = static_cast<uint16_t*>(out);
  for (int64_t i = 0; i < n; ++i) h[i] = bf16_of_f32(in[i]);
}

}  // namespace

const Format tables::format_bf16{"bf16",
                                 FormatKind::real,
                                 1,
                                 2,
                                 30,
                                 "BF16",
                                 decode,
                                 encode,
                                 "bfloat16: the upper half of binary32, round to nearest even"};

}  // namespace ridge
