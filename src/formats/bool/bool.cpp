#include "formats/bool/bool.h"

#include <cstdint>
#include <cstring>

namespace ridge {
namespace {

void decode(const void* in, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    uint8_t v;
    std::memcpy(&v, static_cast<const char*>(in) + i * 1, 1);
    out[i] = v != 0 ? 1.0f : 0.0f;
  }
}

}  // namespace

const Format tables::format_bool{"bool",  FormatKind::integer,         1, 1, -1, "BOOL", decode,
                                 nullptr, "a byte that is zero or not"};

}  // namespace ridge
