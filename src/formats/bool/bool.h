// A byte that is zero or not.
#pragma once
#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_bool;
}
inline const Format& boolean = tables::format_bool;
}  // namespace ridge
