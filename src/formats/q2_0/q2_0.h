// Q2_0: blocks of 64 values of two bits and an f16 scale d; value = d * (q - 1), so -d, 0, d and 2 d (GGUF
// type 42). Codes lie in the order of the elements, lowest bits first.
#pragma once
#include <cstdint>

#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_q2_0;
}
inline const Format& q2_0 = tables::format_q2_0;

struct BlockQ2_0 {
  uint16_t d;
  uint8_t q[16];
};
static_assert(sizeof(BlockQ2_0) == 18);

}  // namespace ridge
