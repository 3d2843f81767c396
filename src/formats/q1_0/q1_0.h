// Q1_0: blocks of 128 signs and an f16 scale d; value = d where the bit is set, else -d (GGUF type 41). Bits
// lie in the order of the elements, lowest first.
#pragma once
#include <cstdint>

#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_q1_0;
}
inline const Format& q1_0 = tables::format_q1_0;

struct BlockQ1_0 {
  uint16_t d;
  uint8_t q[16];
};
static_assert(sizeof(BlockQ1_0) == 18);

}  // namespace ridge
