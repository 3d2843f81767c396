// Q8_0: blocks of 32; an f16 scale d and 32 signed bytes q; value = d * q (GGUF type 8).
#pragma once
#include <cstdint>

#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_q8_0;
}
inline const Format& q8_0 = tables::format_q8_0;

struct BlockQ8_0 {
  uint16_t d;
  int8_t q[32];
};
static_assert(sizeof(BlockQ8_0) == 34);

}  // namespace ridge
