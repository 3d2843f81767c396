// The 16 values of IQ4_NL and IQ4_XS, and the search for a group's scale under them (llama.cpp pull request
// 5590).
#pragma once
#include <cstdint>

namespace ridge::formats {

inline constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                          1,    13,   25,  38,  53,  69,  89,  113};

// The code whose value is nearest to v; the upper of two equally near.
uint8_t iq4_code(float v);

// The scale of 32 numbers: 15 trials that map the element of largest magnitude on values around the outermost
// one, each projected with weights importance * sqrt(spread + x^2), or x^2 where importance is null. 0 for
// zeros.
float fit_iq4(const float* x, const float* importance, float spread);

}  // namespace ridge::formats
