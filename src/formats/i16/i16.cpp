#include "formats/i16/i16.h"

#include <cstdint>
#include <cstring>

namespace ridge {
namespace {

void decode(const void* in, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    int16_t v;
    std::memcpy(&v, static_cast<const char*>(in) + i * 2, 2);
    out[i] = static_cast<float>(v);
  }
}

}  // namespace

const Format tables::format_i16{"i16",   FormatKind::integer,    1, 2, 25, "I16", decode,
                                nullptr, "signed 16-bit integer"};

}  // namespace ridge
