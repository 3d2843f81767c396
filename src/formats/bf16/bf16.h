// bfloat16: the upper half of binary32, round to nearest even.
#pragma once
#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_bf16;
}
inline const Format& bf16 = tables::format_bf16;
}  // namespace ridge
