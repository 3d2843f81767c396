// The vector layer of the 8-bit dot kernels: the same names over AVX-512 with VNNI (16 rows of weights at
// once) and over AVX2 (8 rows). Only for files compiled for an instruction set of their own.
//
// Codes travel in quads: a register holds 16 consecutive elements of each of kLanes / 4 rows, row j + 4 l in
// its 128-bit lane l; four quads, j = 0 .. 3, are the 16 elements of all kLanes rows. From four quads one
// gets, with shuffles inside the 128-bit lanes only, either a sum a row (row_sums) or vectors that hold four
// consecutive elements of each row (transpose), the rows in order.
#pragma once
#include "base/cpu_features.h"
#include "base/simd.h"
#include "formats/dot.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

#if defined(__AVX512VNNI__)
#define RIDGE_VNNI 1
typedef __m512i V;
#define RIDGE_V(op) _mm512_##op
#else
#define RIDGE_VNNI 0
typedef __m256i V;
#define RIDGE_V(op) _mm256_##op
#endif
typedef uint16_t U16 __attribute__((vector_size(4 * kLanes)));
typedef uint32_t U32 __attribute__((vector_size(4 * kLanes)));

template <typename T>
RIDGE_INLINE T load_as(const char* p) {
  T v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

// 16 bytes at p, p + s4, p + 2 s4, ... (s4: four rows), one a 128-bit lane.
RIDGE_INLINE V quad(const char* p, int64_t s4) {
  const auto at = [](const char* q) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(q)); };
#if RIDGE_VNNI
  const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(at(p)), at(p + s4), 1);
  const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(at(p + 2 * s4)), at(p + 3 * s4), 1);
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
#else
  return _mm256_inserti128_si256(_mm256_castsi128_si256(at(p)), at(p + s4), 1);
#endif
}

RIDGE_INLINE V in_all(__m128i v) {
#if RIDGE_VNNI
  return _mm512_broadcast_i32x4(v);
#else
  return _mm256_broadcastsi128_si256(v);
#endif
}

// 16 bytes of activations in every 128-bit lane.
RIDGE_INLINE V everywhere(const char* p) {
  return in_all(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

// The bytes of `value` where v and mask (of single bits) have a bit in common, else 0.
RIDGE_INLINE V where_any(V v, V mask, V value) {
#if RIDGE_VNNI
  return _mm512_maskz_mov_epi8(_mm512_test_epi8_mask(v, mask), value);
#else
  return _mm256_cmpeq_epi8(v & mask, mask) & value;
#endif
}

RIDGE_INLINE V bytes(int x) { return RIDGE_V(set1_epi8)(static_cast<char>(x)); }
RIDGE_INLINE V low_nibbles(V v) { return v & bytes(15); }
RIDGE_INLINE V high_nibbles(V v) { return (V)((U16)v >> 4) & bytes(15); }
// v[index] in each 128-bit lane, index < 16.
RIDGE_INLINE V lookup(V table, V index) { return RIDGE_V(shuffle_epi8)(table, index); }

#if RIDGE_VNNI
#define RIDGE_LOW_HIGH(bits)                                                     \
  RIDGE_INLINE V low##bits(V a, V b) { return _mm512_unpacklo_epi##bits(a, b); } \
  RIDGE_INLINE V high##bits(V a, V b) { return _mm512_unpackhi_epi##bits(a, b); }
#else
#define RIDGE_LOW_HIGH(bits)                                                     \
  RIDGE_INLINE V low##bits(V a, V b) { return _mm256_unpacklo_epi##bits(a, b); } \
  RIDGE_INLINE V high##bits(V a, V b) { return _mm256_unpackhi_epi##bits(a, b); }
#endif
RIDGE_LOW_HIGH(32)
RIDGE_LOW_HIGH(64)
RIDGE_INLINE V add32(V a, V b) { return (V)((I32)a + (I32)b); }

// The sum of the four integers of each 128-bit lane of each quad, in row order.
RIDGE_INLINE I32 row_sums(const V (&q)[4]) {
  const V a = add32(low32(q[0], q[1]), high32(q[0], q[1])), b = add32(low32(q[2], q[3]), high32(q[2], q[3]));
  return (I32)add32(low64(a, b), high64(a, b));
}

// out[i]: bytes 4 i .. 4 i + 3 of each row, in row order.
RIDGE_INLINE void transpose(const V (&q)[4], V (&out)[4]) {
  const V a = low32(q[0], q[1]), b = low32(q[2], q[3]), c = high32(q[0], q[1]), d = high32(q[2], q[3]);
  out[0] = low64(a, b), out[1] = high64(a, b), out[2] = low64(c, d), out[3] = high64(c, d);
}

// The 16 bytes at p of each row as four words a row, in row order.
RIDGE_INLINE void words(const char* p, int64_t stride, I32 (&out)[4]) {
  V q[4], t[4];
  for (int j = 0; j < 4; ++j) q[j] = quad(p + j * stride, 4 * stride);
  transpose(q, t);
  for (int i = 0; i < 4; ++i) out[i] = (I32)t[i];
}

// The low 16 bits of each word as an f16.
RIDGE_INLINE F32 halves_of(I32 words) {
#if RIDGE_VNNI
  return (F32)_mm512_cvtph_ps(_mm512_cvtepi32_epi16((V)words));
#else
  const V w = (V)(words & 0xffff), packed = _mm256_packus_epi32(w, w);
  return (F32)_mm256_cvtph_ps(_mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x88)));
#endif
}

// The f16 at p of each row.
RIDGE_INLINE F32 halves(const char* p, int64_t stride) {
  const auto four = [stride](const char* q) {
    const auto at = [](const char* r) { return static_cast<uint64_t>(load_as<uint16_t>(r)); };
    return static_cast<long long>((at(q) | at(q + stride) << 16) |
                                  (at(q + 2 * stride) | at(q + 3 * stride) << 16) << 32);
  };
  const __m128i low = _mm_set_epi64x(four(p + 4 * stride), four(p));
#if RIDGE_VNNI
  const __m128i high = _mm_set_epi64x(four(p + 12 * stride), four(p + 8 * stride));
  return (F32)_mm512_cvtph_ps(_mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1));
#else
  return (F32)_mm256_cvtph_ps(low);
#endif
}

// The byte at p of each row.
RIDGE_INLINE I32 row_bytes(const char* p, int64_t stride) {
  I32 v;
  for (int i = 0; i < kLanes; ++i) v[i] = static_cast<uint8_t>(p[i * stride]);
  return v;
}

RIDGE_INLINE F32 to_float(I32 v) { return __builtin_convertvector(v, F32); }

// An integer sum that starts at kMagic is, read as an f32, that sum plus kMagicF, exactly, while it is below
// 2^22 in magnitude (32 products of 128 and 127 are 2^19). So its product with a scale is one fma, rounded
// once: fma(read, scale, -kMagicF * scale), the last exact for any scale of fewer than 23 bits.
constexpr int kMagic = 0x4b400000;
constexpr float kMagicF = 12582912.0f;

// Products of codes and activations. Sums of four neighbours land in 32-bit lanes and are exact: with VNNI
// codes are unsigned (signed ones have 128 added, see kZeroPoint). On AVX2 vpmaddubsw makes 16-bit sums of
// two, which saturate: signed codes c are taken as |c| times the activation with the sign of c, at most 128 *
// 127 * 2; and W::kMax, the largest code, says how many such sums fit in 16 bits (kFlush).
template <class W>
constexpr int kFlush = 32767 / (2 * 127 * W::kMax) > 8 ? 8 : 32767 / (2 * 127 * W::kMax);
template <class W>
constexpr int kZeroPoint = W::kSigned ? (RIDGE_VNNI ? 128 : 0) : W::kZero;

// Codes as the products take them.
template <class W>
RIDGE_INLINE V as_stored(V c) {
  if constexpr (W::kSigned && RIDGE_VNNI) return c ^ bytes(0x80);
  return c;
}

#if RIDGE_VNNI
template <class W>
RIDGE_INLINE V dot(V sum, V c, V x) {
  return _mm512_dpbusd_epi32(sum, c, x);
}
#else
template <class W>
RIDGE_INLINE V products(V c, V x) {
  if constexpr (W::kSigned) return _mm256_maddubs_epi16(_mm256_abs_epi8(c), _mm256_sign_epi8(x, c));
  return _mm256_maddubs_epi16(c, x);
}
RIDGE_INLINE V add16(V a, V b) { return (V)((U16)a + (U16)b); }
RIDGE_INLINE V widen(V products) { return _mm256_madd_epi16(products, _mm256_set1_epi16(1)); }
#endif

// 16 elements a row, and 32.
template <class W>
RIDGE_INLINE V dot16(V c, V x) {
#if RIDGE_VNNI
  return dot<W>(V{}, as_stored<W>(c), x);
#else
  return widen(products<W>(c, x));
#endif
}
template <class W>
RIDGE_INLINE V dot32(V c0, V x0, V c1, V x1) {
#if RIDGE_VNNI
  return dot<W>(dot<W>(V{}, as_stored<W>(c0), x0), as_stored<W>(c1), x1);
#else
  if constexpr (kFlush<W> >= 2) return widen(add16(products<W>(c0, x0), products<W>(c1, x1)));
  return add32(widen(products<W>(c0, x0)), widen(products<W>(c1, x1)));
#endif
}

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge
