#include "formats/f16/f16.h"

#include <cstring>

#include "formats/half.h"

namespace ridge {
namespace {

// Safetensors data may stand at odd addresses.
void decode(const void* in, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    uint16_t h;
    std::memcpy(&h, static_cast<const char*>(in) + 2 * i, 2);
    out[i] = f32_of_f16(h);
  }
}

void encode(const float* in, void* out, int64_t n, const float*) {
  for (int64_t i = 0; i < n; ++i) {
    const uint16_t h = f16_of_f32(in[i]);
    std::memcpy(static_cast<char*>(out) + 2 * i, &h, 2);
  }
}

}  // namespace

const Format tables::format_f16{"f16", FormatKind::real, 1, 2, 1, "F16", decode, encode, "IEEE 754 binary16"};

}  // namespace ridge
