// Signed 16-bit integer.
#pragma once
#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_i16;
}
inline const Format& i16 = tables::format_i16;
}  // namespace ridge
