// IEEE 754 binary16.
#pragma once
#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_f16;
}
inline const Format& f16 = tables::format_f16;
}  // namespace ridge
