// Q5_1: blocks of 32; an f16 scale d, an f16 offset m and 32 codes q of 5 bits; value = d * q + m (GGUF type
// 7). The low four bits lie as in Q4_0; bit i of the little-endian word `high` is the fifth bit of element i.
#pragma once
#include <cstdint>

#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_q5_1;
}
inline const Format& q5_1 = tables::format_q5_1;

struct BlockQ5_1 {
  uint16_t d, m;
  uint8_t high[4];
  uint8_t q[16];
};
static_assert(sizeof(BlockQ5_1) == 24);

}  // namespace ridge
