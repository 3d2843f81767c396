// 32 codes of five bits (Q5_0, Q5_1): byte j of q holds the low four bits of codes j and j + 16, bit i of the
// little-endian word `high` the fifth bit of code i.
#pragma once
#include <cstdint>

namespace ridge::formats {

inline int five_bits(const uint8_t q[16], const uint8_t high[4], int i) {
  return (q[i % 16] >> (i / 16 * 4) & 15) | (high[i / 8] >> (i % 8) & 1) << 4;
}

inline void pack_five_bits(const uint8_t codes[32], uint8_t q[16], uint8_t high[4]) {
  for (int j = 0; j < 16; ++j) q[j] = static_cast<uint8_t>((codes[j] & 15) | (codes[j + 16] & 15) << 4);
  for (int k = 0; k < 4; ++k) {
    int byte = 0;
    for (int i = 0; i < 8; ++i) byte |= (codes[8 * k + i] >> 4 & 1) << i;
    high[k] = static_cast<uint8_t>(byte);
  }
}

}  // namespace ridge::formats
