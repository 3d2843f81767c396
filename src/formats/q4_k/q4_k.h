// Q4_K: super-blocks of 256 in 8 sub-blocks of 32; value = d * scale * q - dmin * min with 4-bit codes q, and
// 6-bit scale and min a sub-block (GGUF type 12; llama.cpp's k-quants, pull request 1684). `scales` is laid
// out by pack_scales_mins (formats/k_quants.h). Codes go by groups of 64: byte 32 g + l of q holds element 64
// g + l in its low nibble and element 64 g + l + 32 in its high one.
#pragma once
#include <cstdint>

#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_q4_k;
}
inline const Format& q4_k = tables::format_q4_k;

struct BlockQ4_K {
  uint16_t d, dmin;
  uint8_t scales[12];
  uint8_t q[128];
};
static_assert(sizeof(BlockQ4_K) == 144);

}  // namespace ridge
