// Q5_K: super-blocks of 256 in 8 sub-blocks of 32; value = d * scale * q - dmin * min with 5-bit codes q, and
// 6-bit scale and min a sub-block (GGUF type 13; llama.cpp's k-quants, pull request 1684). Scales, mins and
// the low four bits of the codes lie as in Q4_K; the fifth bit of element i is bit i / 32 of high[i % 32].
#pragma once
#include <cstdint>

#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_q5_k;
}
inline const Format& q5_k = tables::format_q5_k;

struct BlockQ5_K {
  uint16_t d, dmin;
  uint8_t scales[12];
  uint8_t high[32];
  uint8_t q[128];
};
static_assert(sizeof(BlockQ5_K) == 176);

}  // namespace ridge
