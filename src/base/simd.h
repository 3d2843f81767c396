// A thin layer over the vector registers for NAME.simd.cpp files, which are compiled once a level (generic: 4
// lanes of SSE2 or NEON through GCC's vector types; avx2: 8; avx512: 16). Only for files compiled for an
// instruction set of their own: everything here has internal linkage and is always inlined.
#pragma once
#ifndef RIDGE_ISA_FILE
#error "base/simd.h is for kernel files with an ISA suffix only"
#endif
#include <cstdint>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 warns of its own _mm*_undefined_*
#endif

#define RIDGE_INLINE static inline __attribute__((always_inline))

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif
typedef float F32 __attribute__((vector_size(4 * kLanes)));
typedef int32_t I32 __attribute__((vector_size(4 * kLanes)));
typedef float F32u __attribute__((vector_size(4 * kLanes), aligned(4)));

RIDGE_INLINE F32 set1(float x) { return x - F32{}; }
RIDGE_INLINE F32 load(const float* p) { return *reinterpret_cast<const F32u*>(p); }
RIDGE_INLINE void store(float* p, F32 v) { *reinterpret_cast<F32u*>(p) = v; }

#if defined(__AVX512F__)
RIDGE_INLINE __mmask16 lanes(int64_t n) { return static_cast<__mmask16>((1u << n) - 1u); }
// The first n lanes (0 < n < kLanes), zeros beyond; nothing past them is touched.
RIDGE_INLINE F32 load_n(const float* p, int64_t n) { return (F32)_mm512_maskz_loadu_ps(lanes(n), p); }
RIDGE_INLINE void store_n(float* p, F32 v, int64_t n) { _mm512_mask_storeu_ps(p, lanes(n), (__m512)v); }
RIDGE_INLINE F32 fma(F32 a, F32 b, F32 c) { return (F32)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
RIDGE_INLINE F32 max(F32 a, F32 b) { return (F32)_mm512_max_ps((__m512)a, (__m512)b); }
RIDGE_INLINE F32 min(F32 a, F32 b) { return (F32)_mm512_min_ps((__m512)a, (__m512)b); }
RIDGE_INLINE F32 sqrt(F32 a) { return (F32)_mm512_sqrt_ps((__m512)a); }
RIDGE_INLINE F32 load_f16(const uint16_t* p) {
  return (F32)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)p));
}
RIDGE_INLINE F32 load_bf16(const uint16_t* p) {
  return (F32)_mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)p)), 16));
}
RIDGE_INLINE F32 round_even(F32 a) { return (F32)_mm512_roundscale_ps((__m512)a, 8); }
RIDGE_INLINE I32 to_int(F32 a) { return (I32)_mm512_cvtps_epi32((__m512)a); }
#elif defined(__AVX2__)
RIDGE_INLINE __m256i lanes(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
RIDGE_INLINE F32 load_n(const float* p, int64_t n) { return (F32)_mm256_maskload_ps(p, lanes(n)); }
RIDGE_INLINE void store_n(float* p, F32 v, int64_t n) { _mm256_maskstore_ps(p, lanes(n), (__m256)v); }
RIDGE_INLINE F32 fma(F32 a, F32 b, F32 c) { return (F32)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
RIDGE_INLINE F32 max(F32 a, F32 b) { return (F32)_mm256_max_ps((__m256)a, (__m256)b); }
RIDGE_INLINE F32 min(F32 a, F32 b) { return (F32)_mm256_min_ps((__m256)a, (__m256)b); }
RIDGE_INLINE F32 sqrt(F32 a) { return (F32)_mm256_sqrt_ps((__m256)a); }
RIDGE_INLINE F32 load_f16(const uint16_t* p) {
  return (F32)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)p));
}
RIDGE_INLINE F32 load_bf16(const uint16_t* p) {
  return (F32)_mm256_castsi256_ps(
      _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p)), 16));
}
RIDGE_INLINE F32 round_even(F32 a) { return (F32)_mm256_round_ps((__m256)a, 8); }
RIDGE_INLINE I32 to_int(F32 a) { return (I32)_mm256_cvtps_epi32((__m256)a); }
#else
RIDGE_INLINE F32 load_n(const float* p, int64_t n) {
  F32 v{};
  for (int64_t i = 0; i < n; ++i) v[i] = p[i];
  return v;
}
RIDGE_INLINE void store_n(float* p, F32 v, int64_t n) {
  for (int64_t i = 0; i < n; ++i) p[i] = v[i];
}
RIDGE_INLINE F32 fma(F32 a, F32 b, F32 c) { return a * b + c; }
RIDGE_INLINE F32 max(F32 a, F32 b) { return a > b ? a : b; }
RIDGE_INLINE F32 min(F32 a, F32 b) { return a < b ? a : b; }
RIDGE_INLINE F32 sqrt(F32 a) {
  for (int i = 0; i < kLanes; ++i) a[i] = __builtin_sqrtf(a[i]);
  return a;
}
RIDGE_INLINE float f16_lane(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16, e = (h >> 10) & 31u, m = h & 1023u;
  union {
    uint32_t u;
    float f;
  } r;
  if (e == 0) {
    r.f = static_cast<float>(m) * 0x1p-24f;
    r.u |= sign;
  } else {
    r.u = sign | (e == 31 ? 0x7f800000u : (e + 112) << 23) | m << 13;
  }
  return r.f;
}
RIDGE_INLINE F32 load_f16(const uint16_t* p) {
  F32 v;
  for (int i = 0; i < kLanes; ++i) v[i] = f16_lane(p[i]);
  return v;
}
RIDGE_INLINE F32 load_bf16(const uint16_t* p) {
  I32 v;
  for (int i = 0; i < kLanes; ++i) v[i] = static_cast<int32_t>(static_cast<uint32_t>(p[i]) << 16);
  return (F32)v;
}
RIDGE_INLINE F32 round_even(F32 a) {  // |a| < 2^22
  const F32 magic = set1(12582912.0f);
  return (a + magic) - magic;
}
RIDGE_INLINE I32 to_int(F32 a) { return __builtin_convertvector(round_even(a), I32); }
#endif

RIDGE_INLINE F32 abs(F32 a) { return (F32)((I32)a & 0x7fffffff); }
RIDGE_INLINE F32 select(I32 mask, F32 yes, F32 no) { return mask ? yes : no; }

// Sum and maximum of all lanes, by halving: the order is part of each kernel's reproducibility.
RIDGE_INLINE float reduce_add(F32 v) {
#if defined(__AVX512F__)
  const __m256 h = _mm256_add_ps(_mm512_castps512_ps256((__m512)v), _mm512_extractf32x8_ps((__m512)v, 1));
#elif defined(__AVX2__)
  const __m256 h = (__m256)v;
#endif
#if defined(__AVX2__)
  __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  q = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
#else
  return (v[0] + v[2]) + (v[1] + v[3]);
#endif
}
RIDGE_INLINE float reduce_max(F32 v) {
  float m = v[0];
  for (int i = 1; i < kLanes; ++i) m = v[i] > m ? v[i] : m;
  return m;
}

// e^x, within 2 units in the last place for x in [-87.3, 88.7]; 0 below, e^88.7 above; NaN stays NaN.
// Cody and Waite's reduction to |r| <= ln2/2 and the polynomial of degree 6 by Taylor's remainder,
// minimax-adjusted.
RIDGE_INLINE F32 exp(F32 x) {
  const F32 low = set1(-87.3365f), high = set1(88.7228f);
  const I32 under = x < low;
  F32 c = x > high ? high : x;
  c = c < low ? low : c;  // comparisons keep NaN
  const F32 n = round_even(c * 1.44269504088896341f);
  F32 r = fma(n, set1(-0.693359375f), c);
  r = fma(n, set1(2.12194440e-4f), r);
  F32 p = set1(1.9875691500e-4f);
  p = fma(p, r, set1(1.3981999507e-3f));
  p = fma(p, r, set1(8.3334519073e-3f));
  p = fma(p, r, set1(4.1665795894e-2f));
  p = fma(p, r, set1(1.6666665459e-1f));
  p = fma(p, r, set1(5.0000001201e-1f));
  p = fma(p, r * r, r) + 1.0f;
  // 2^n in two factors: n reaches 128, one more than a single exponent holds.
  const I32 k = to_int(n), half = k >> 1;
  const F32 y = p * (F32)((half + 127) << 23) * (F32)((k - half + 127) << 23);
  return select(under, F32{}, y);
}

// tanh by exp: 1 - 2 / (e^2x + 1); exact at the ends.
RIDGE_INLINE F32 tanh(F32 x) { return 1.0f - 2.0f / (exp(2.0f * x) + 1.0f); }

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge
