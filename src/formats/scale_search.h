// Searches for the scale of a group of numbers that share one: what the encoders of the block formats have in
// common.
//
// A group x is written as codes q (small integers) and a scale s, so that s * q (+ offset) is near x. For
// given codes the best scale is a weighted least-squares projection; for a given scale the best codes are the
// rounded x / s. Neither is known first, so each search below tries a handful of scales near the one that
// maps the largest element on the largest code, rounds, projects, and keeps the best. The rules (which
// scales, which weights, what counts as better) are those of llama.cpp's quantizer (ggml-quants.c); sums are
// single-precision and run from the first element to the last, so that the encoded bytes equal those of the
// reference.
#pragma once
#include <bit>
#include <cstdint>

namespace ridge::formats {

// The nearest integer, ties to even, of |v| < 2^22: the sum with 1.5 * 2^23 has it in its low mantissa bits.
// Infinities give -2^22 and NaN 0, so that a clamp afterwards lands on a code whatever comes in.
inline int round_even(float v) {
  const uint32_t bits = std::bit_cast<uint32_t>(v + 12582912.0f) & 0x7fffffu;
  return static_cast<int>(bits) - 0x400000;
}

// v cut toward zero and at `most`; 0 where v is below 0, NaN, or beyond what a byte holds (the quotient by a
// subnormal scale overflows).
inline int truncate_code(float v, int most) {
  if (!(v > 0.0f && v < 256.0f)) return 0;
  const int code = static_cast<int>(v);
  return code < most ? code : most;
}

// The element of largest magnitude, with its sign (the first of equals); 0 for zeros.
float extreme_of(const float* x, int n);

// Sum of squares.
float energy(const float* x, int64_t n);

// Weights of the squared error from an importance matrix: importance * sqrt(spread + x^2), where `spread` is
// the mean square of the surroundings (so that small elements of important columns still count).
void importance_weights(const float* x, const float* importance, int n, float spread, float* weights);

// Groups whose largest magnitude is below this are zero.
inline constexpr float kZeroGroup = 1e-15f;

// Symmetric codes -half .. half - 1, stored with `half` added: x is near scale * (code - half). Tries 19
// scales; the extreme element maps near -half, so the scale carries its sign. A zero group has codes 0 and
// scale 0.
float fit_symmetric(const float* x, const float* weights, int n, int half, uint8_t* codes);

// The same codes by coordinate descent: from the rounding that maps the extreme on -half, single codes move
// while the projection (weights x^2) gains. At most five sweeps.
float fit_symmetric_descent(const float* x, int n, int half, uint8_t* codes);

// Codes 0 .. top of numbers x >= 0 (scales or offsets of sub-blocks): nine scales, then coordinate descent as
// above.
float fit_unsigned(const float* x, const float* weights, int n, int top, uint8_t* codes);

// What fit_affine tries: inverse scales (top + first + step * t) / range for t = 0 .. count.
struct AffineTrials {
  float first, step;
  int count;
  bool absolute;  // the error that counts is |difference|, else its square
};

// x is near scale * code - min, codes 0 .. top, min >= 0.
struct AffineFit {
  float scale, min;
};
AffineFit fit_affine(const float* x, const float* weights, int n, int top, const AffineTrials& trials,
                     uint8_t* codes);

// The trials with an importance matrix, the same for all affine formats.
inline constexpr AffineTrials kImportanceTrials{-0.9f, 0.05f, 36, false};

}  // namespace ridge::formats
