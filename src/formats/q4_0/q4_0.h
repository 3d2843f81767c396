// Q4_0: blocks of 32; an f16 scale d and 32 nibbles q; value = d * (q - 8) (GGUF type 2).
// Byte j holds element j in its low nibble and element j + 16 in its high nibble.
#pragma once
#include <cstdint>

#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_q4_0;
}
inline const Format& q4_0 = tables::format_q4_0;

struct BlockQ4_0 {
  uint16_t d;
  uint8_t q[16];
};
static_assert(sizeof(BlockQ4_0) == 18);

}  // namespace ridge
