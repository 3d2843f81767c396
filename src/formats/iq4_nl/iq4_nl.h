// IQ4_NL: blocks of 32; an f16 scale d and 32 nibbles that index 16 unevenly spaced values, denser near zero,
// as trained weights are; value = d * iq4_values[q] (GGUF type 20; llama.cpp pull request 5590). Nibbles lie
// as in Q4_0.
#pragma once
#include <cstdint>

#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_iq4_nl;
}
inline const Format& iq4_nl = tables::format_iq4_nl;

struct BlockIQ4_NL {
  uint16_t d;
  uint8_t q[16];
};
static_assert(sizeof(BlockIQ4_NL) == 18);

}  // namespace ridge
