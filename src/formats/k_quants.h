// What the k-quants share: super-blocks of 256 whose sub-blocks have small integer scales under one f16 scale
// of the whole (llama.cpp pull request 1684). Encoding goes in two rounds: each sub-block is fitted by itself
// (formats/scale_search.h), the scales found are themselves quantized, and the codes are rounded again under
// the scales as stored.
#pragma once
#include <cstdint>

#include "formats/scale_search.h"

namespace ridge::formats {

inline constexpr int kSuper = 256;

// Eight 6-bit scales and eight 6-bit mins in 12 bytes (Q4_K, Q5_K). For s < 4: bytes s and s + 4 hold scale
// and min of s in their low six bits, and the upper two bits of scale and min of s + 4 above; byte s + 8
// holds the low four bits of scale (low nibble) and min of s + 4.
void pack_scales_mins(const uint8_t scale[8], const uint8_t min[8], uint8_t packed[12]);
void unpack_scales_mins(const uint8_t packed[12], uint8_t scale[8], uint8_t min[8]);

// 256 codes of two bits in 64 bytes (Q2_K, Q3_K): byte 32 h + l holds elements 128 h + l + {0, 32, 64, 96},
// low bits first.
void pack_two_bits(const uint8_t codes[kSuper], uint8_t packed[64]);
inline int two_bits(const uint8_t packed[64], int i) {
  return packed[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
}

// 256 codes of four bits in 128 bytes (Q4_K, Q5_K): byte 32 g + l holds elements 64 g + l and 64 g + l + 32.
// Higher bits of the codes are ignored.
void pack_nibbles(const uint8_t codes[kSuper], uint8_t packed[128]);
inline int nibble(const uint8_t packed[128], int i) {
  return packed[i / 64 * 32 + i % 32] >> (i % 64 / 32 * 4) & 15;
}

// One bit of each of 256 codes in 32 bytes (Q3_K, Q5_K): element i is bit i / 32 of byte i % 32.
void pack_bit(const uint8_t codes[kSuper], int bit, uint8_t packed[32]);
inline int one_bit(const uint8_t packed[32], int i) { return packed[i % 32] >> (i / 32) & 1; }

// A super-block of the formats with a scale and a min a sub-block, before its codes are packed.
struct AffineSuper {
  uint16_t d, dmin;            // f16
  uint8_t scale[16], min[16];  // one a sub-block
  uint8_t code[kSuper];
};

// How one of these formats is encoded.
struct AffineRule {
  int sub;           // elements of a sub-block
  int top_code;      // largest code
  int top_scale;     // largest scale and min of a sub-block
  bool rms_weights;  // weights without an importance matrix: |x| plus the root mean square of the sub-block,
                     // or |x|
  AffineTrials trials;  // without an importance matrix
  float spread;         // with one: the factor on the mean square of the super-block
};

// x and importance (or null): 256 numbers.
void encode_affine(const float* x, const float* importance, const AffineRule& rule, AffineSuper& out);

// Rounds n numbers again under the scale as stored: x is near d * (code - half). A zero d leaves the codes.
void recode_symmetric(const float* x, int n, float d, int half, uint8_t* codes);

}  // namespace ridge::formats
