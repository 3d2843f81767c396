// FP8 E5M2 (the upper byte of binary16; largest 57344); encoding saturates (formats/float8.h has the rules).
#pragma once
#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_f8_e5m2;
}
inline const Format& f8_e5m2 = tables::format_f8_e5m2;
}  // namespace ridge
