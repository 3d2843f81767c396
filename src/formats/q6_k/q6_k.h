// Q6_K: super-blocks of 256 in 16 sub-blocks of 16; value = d * scale * (q - 32) with 6-bit codes q and a
// signed 8-bit scale a sub-block (GGUF type 14; llama.cpp's k-quants, pull request 1684). Codes go by halves
// of 128. The low four bits of element 128 h + i are a nibble of low[64 h + i % 64] (the high nibble for i >=
// 64); the upper two are bits 2 (i / 32) of high[32 h + i % 32].
#pragma once
#include <cstdint>

#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_q6_k;
}
inline const Format& q6_k = tables::format_q6_k;

struct BlockQ6_K {
  uint8_t low[128];
  uint8_t high[64];
  int8_t scales[16];
  uint16_t d;
};
static_assert(sizeof(BlockQ6_K) == 210);

}  // namespace ridge
