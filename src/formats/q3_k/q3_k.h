// Q3_K: super-blocks of 256 in 16 sub-blocks of 16; value = d * (scale - 32) * (q - 4) with 3-bit codes q and
// a 6-bit scale a sub-block (GGUF type 11; llama.cpp's k-quants, pull request 1684). The low two bits of the
// codes lie as in Q2_K; the third is bit i / 32 of high[i % 32]. Scale s has its low four bits in scales[s %
// 8] (low nibble for s < 8) and its upper two in scales[8 + s % 4], at bit 2 (s / 4).
#pragma once
#include <cstdint>

#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_q3_k;
}
inline const Format& q3_k = tables::format_q3_k;

struct BlockQ3_K {
  uint8_t high[32];
  uint8_t q[64];
  uint8_t scales[12];
  uint16_t d;
};
static_assert(sizeof(BlockQ3_K) == 110);

}  // namespace ridge
