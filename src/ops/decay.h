// What the scans' kernels share, a vector at a time: time steps and decays. For files compiled for an
// instruction set of their own only.
#pragma once
#include "base/simd.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"  // GCC 12 warns of its own _mm512_undefined_*
#endif

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

// log(1 + e^x) = max(x, 0) + log1p(e^-|x|), with log1p(u) = 2 atanh(u / (2 + u)) by a polynomial fitted to
// 4e-9 of the value.
RIDGE_INLINE F32 softplus(F32 x) {
  const F32 u = exp(-abs(x)), s = u / (2.0f + u), z = s * s;
  F32 p = set1(0.2817833424f);
  p = fma(p, z, set1(0.2796060145f));
  p = fma(p, z, set1(0.4002490938f));
  p = fma(p, z, set1(0.6666631699f));
  p = fma(p, z, set1(2.0f));
  return fma(p, s, max(x, F32{}));
}

// 2^t for t <= 0, and 0 below 2^-100: states that fade must not end in denormal numbers, which are slow.
// Rounding to an integer and a polynomial fitted to 2e-9 of the value. NaN stays NaN.
RIDGE_INLINE F32 exp2_decay(F32 t) {
  const I32 gone = t < -100.0f;
#if defined(__AVX512F__)
  const F32 c = t;  // what comes of it is masked
#else
  const F32 c = select(gone, set1(-100.0f), t);
#endif
  const F32 n = round_even(c), r = c - n;
  F32 p = set1(1.5345811e-4f);
  p = fma(p, r, set1(1.3399931e-3f));
  p = fma(p, r, set1(9.618489e-3f));
  p = fma(p, r, set1(5.5503286e-2f));
  p = fma(p, r, set1(2.4022646e-1f));
  p = fma(p, r, set1(6.931472e-1f));
  p = fma(p, r, set1(1.0f));
#if defined(__AVX512F__)
  return select(gone, F32{}, (F32)_mm512_scalef_ps((__m512)p, (__m512)n));
#else
  return select(gone, F32{}, p * (F32)((to_int(n) + 127) << 23));
#endif
}

constexpr float kLog2e = 1.44269504088896341f;

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge
