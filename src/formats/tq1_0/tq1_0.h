// TQ1_0: blocks of 256 ternary values, five to a byte (3^5 = 243 <= 256), and an f16 scale d; value = d * (t
// - 1) with t = 0, 1, 2 (GGUF type 34; llama.cpp pull request 8151). A byte holds ceil(256 x / 243) of its
// base-3 number x, first value most significant, so that a value is the carry out of the byte times 3 after
// it was multiplied by 3 once for every value before. Elements lie apart by 32 in the first 32 bytes, by 16
// in the next 16, by 4 in the last 4, which hold four values each.
#pragma once
#include <cstdint>

#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_tq1_0;
}
inline const Format& tq1_0 = tables::format_tq1_0;

struct BlockTQ1_0 {
  uint8_t q[52];  // 32 + 16 bytes of five values, 4 of four
  uint16_t d;
};
static_assert(sizeof(BlockTQ1_0) == 54);

}  // namespace ridge
