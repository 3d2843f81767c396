// Q4_1: blocks of 32; an f16 scale d, an f16 offset m and 32 nibbles q; value = d * q + m (GGUF type 3).
// Byte j holds element j in its low nibble and element j + 16 in its high nibble.
#pragma once
#include <cstdint>

#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_q4_1;
}
inline const Format& q4_1 = tables::format_q4_1;

struct BlockQ4_1 {
  uint16_t d, m;
  uint8_t q[16];
};
static_assert(sizeof(BlockQ4_1) == 20);

}  // namespace ridge
