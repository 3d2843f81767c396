// TQ2_0: blocks of 256 ternary values (BitNet and kin); an f16 scale d and two bits a value, value = d * (q -
// 1) (GGUF type 35; llama.cpp pull request 8151). Byte j of a run of 32 holds elements j, j + 32, j + 64 and
// j + 96 of its 128, lowest bits first.
#pragma once
#include <cstdint>

#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_tq2_0;
}
inline const Format& tq2_0 = tables::format_tq2_0;

struct BlockTQ2_0 {
  uint8_t q[64];
  uint16_t d;
};
static_assert(sizeof(BlockTQ2_0) == 66);

}  // namespace ridge
