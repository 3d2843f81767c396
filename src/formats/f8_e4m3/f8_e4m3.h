// FP8 E4M3 (finite and NaN; largest 448); encoding saturates (formats/float8.h has the rules).
#pragma once
#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_f8_e4m3;
}
inline const Format& f8_e4m3 = tables::format_f8_e4m3;
}  // namespace ridge
