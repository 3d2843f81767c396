#include "formats/f64/f64.h"

#include <cstdint>
#include <cstring>

namespace ridge {
namespace {

void decode(const void* in, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    double v;
    std::memcpy(&v, static_cast<const char*>(in) + i * 8, 8);
    out[i] = static_cast<float>(v);
  }
}

void encode(const float* in, void* out, int64_t n, const float*) {
  for (int64_t i = 0; i < n; ++i) {
    const double v = in[i];
    std::memcpy(static_cast<char*>(out) + i * 8, &v, 8);
  }
}

}  // namespace

const Format tables::format_f64{"f64",
                                FormatKind::real,
                                1,
                                8,
                                28,
                                "F64",
                                decode,
                                encode,
                                "IEEE 754 binary64; decodes to the nearest f32"};

}  // namespace ridge
