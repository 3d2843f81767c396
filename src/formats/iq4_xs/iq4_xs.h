// IQ4_XS: super-blocks of 256 in 8 sub-blocks of 32; value = d * (scale - 32) * iq4_values[q] with the values
// of IQ4_NL and a 6-bit scale a sub-block (GGUF type 23; llama.cpp pull request 5747). Scale s has its low
// four bits in a nibble of scales_low[s / 2] (low for even s), its upper two at bit 2 s of scales_high.
// Sub-block s takes the 16 bytes from q + 16 s on, with nibbles as in Q4_0.
#pragma once
#include <cstdint>

#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_iq4_xs;
}
inline const Format& iq4_xs = tables::format_iq4_xs;

struct BlockIQ4_XS {
  uint16_t d;
  uint16_t scales_high;
  uint8_t scales_low[4];
  uint8_t q[128];
};
static_assert(sizeof(BlockIQ4_XS) == 136);

}  // namespace ridge
