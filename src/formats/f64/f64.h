// IEEE 754 binary64; decodes to the nearest f32.
#pragma once
#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_f64;
}
inline const Format& f64 = tables::format_f64;
}  // namespace ridge
