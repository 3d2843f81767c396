// Q5_0: blocks of 32; an f16 scale d and 32 codes q of 5 bits; value = d * (q - 16) (GGUF type 6).
// The low four bits lie as in Q4_0; bit i of the little-endian word `high` is the fifth bit of element i.
#pragma once
#include <cstdint>

#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_q5_0;
}
inline const Format& q5_0 = tables::format_q5_0;

struct BlockQ5_0 {
  uint16_t d;
  uint8_t high[4];
  uint8_t q[16];
};
static_assert(sizeof(BlockQ5_0) == 22);

}  // namespace ridge
