// Q2_K: super-blocks of 256 in 16 sub-blocks of 16; value = d * scale * q - dmin * min with 2-bit codes q,
// and 4-bit scale and min a sub-block (GGUF type 10; llama.cpp's k-quants, pull request 1684). scales[s]
// holds the scale of sub-block s in its low nibble and its min in the high one. Codes go by halves of 128:
// byte 32 h + l of q holds elements 128 h + l + {0, 32, 64, 96} from its low bits up.
#pragma once
#include <cstdint>

#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_q2_k;
}
inline const Format& q2_k = tables::format_q2_k;

struct BlockQ2_K {
  uint8_t scales[16];
  uint8_t q[64];
  uint16_t d, dmin;
};
static_assert(sizeof(BlockQ2_K) == 84);

}  // namespace ridge
