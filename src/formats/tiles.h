// Products in matrix tiles (AMX) for any format: weights are decoded to bf16 once a block of rows, laid out
// in pairs as the tiles want them, and used by all rows of activations, which are rounded to bf16; sums stay
// in f32 tiles from the first element to the last. For prompts only: with one row the decoding would cost
// more than the product. A format's folder includes this in NAME.amx.cpp and says how 32 elements are read.
//
// A tile of activations is 16 rows x 32 elements as they lie; of weights, 16 pairs of elements x 16 rows; of
// sums, 16 x 16 (Intel Architecture Instruction Set Extensions Programming Reference, chapter 3: TDPBF16PS).
#pragma once
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"  // GCC 12 warns about its own intrinsics (bug 105593)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include "base/cpu_features.h"
#include "formats/dot.h"

#define RIDGE_TILES_INLINE static inline __attribute__((always_inline))

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

constexpr int64_t kStep = 32;         // elements of a tile's row
constexpr int64_t kTileBytes = 1024;  // 16 rows of 64 bytes
constexpr int64_t kLineBytes = 64;

RIDGE_TILES_INLINE int64_t steps_of(int64_t k) { return (k + kStep - 1) / kStep; }

// Rows of weights decoded at once: about half of a usual second-level cache, in whole pairs of tiles.
RIDGE_TILES_INLINE int64_t block_rows(int64_t k) {
  const int64_t rows = (int64_t{1} << 20) / (steps_of(k) * kLineBytes) / 32 * 32;
  return rows < 32 ? 32 : rows > 256 ? 256 : rows;
}

// A row and a line more, so that rows of a power of two do not fall into the same sets of the cache.
[[maybe_unused]] int64_t activation_bytes(int64_t k) { return steps_of(k) * kLineBytes + kLineBytes; }

[[maybe_unused]] void prepare(const float* x, void* out, int64_t k) {
  auto* a = static_cast<char*>(out);
  for (int64_t i = 0; i < k; i += kStep, a += kLineBytes) {
    const int64_t left = k - i;
    const __mmask16 low = left >= 16 ? 0xffff : static_cast<__mmask16>((1u << left) - 1);
    const __mmask16 high = left >= 32  ? 0xffff
                           : left > 16 ? static_cast<__mmask16>((1u << (left - 16)) - 1)
                                       : 0;
    const __m512 x0 = _mm512_maskz_loadu_ps(low, x + i), x1 = _mm512_maskz_loadu_ps(high, x + i + 16);
    _mm512_storeu_si512(a, (__m512i)_mm512_cvtne2ps_pbh(x1, x0));
  }
}

// Decoded weights; two tiles of activations whose rows end within them; a tile of sums.
[[maybe_unused]] int64_t scratch_bytes(int64_t k) {
  return block_rows(k) * steps_of(k) * kLineBytes + 16 * activation_bytes(k) + 4 * kTileBytes;
}

struct alignas(64) TileConfig {
  uint8_t palette, start_row, reserved[14];
  uint16_t bytes[16];
  uint8_t rows[16];
};

RIDGE_TILES_INLINE void configure_tiles() {
  TileConfig c;
  __builtin_memset(&c, 0, sizeof c);
  c.palette = 1;
  for (int t = 0; t < 8; ++t) c.bytes[t] = 64, c.rows[t] = 16;
  _tile_loadconfig(&c);
}

// 16 rows of 16 double words become 16 columns: row i of the result holds word i of every row.
RIDGE_TILES_INLINE void transpose_words(__m512i (&r)[16]) {
  __m512i t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
    r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
  }
}

// Rows [0, rows) of weights as tiles: out[group of 16 rows][step]. Rows that are not there are zeros.
template <typename D>
RIDGE_TILES_INLINE void pack_weights(const char* w, int64_t stride, int64_t rows, int64_t k, char* out) {
  const int64_t steps = steps_of(k);
  for (int64_t g = 0; g < (rows + 31) / 32 * 32; g += 16)
    for (int64_t s = 0; s < steps; ++s, out += kTileBytes) {
      __m512i r[16];
      if (g + 16 <= rows) {
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) r[i] = D::codes(w + (g + i) * stride, s, k);
      } else {
        for (int i = 0; i < 16; ++i)
          r[i] = g + i < rows ? D::codes(w + (g + i) * stride, s, k) : _mm512_setzero_si512();
      }
      transpose_words(r);
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) _mm512_store_si512(out + i * kLineBytes, r[i]);
    }
}

// `rows` x `columns` of a spilled tile of sums.
RIDGE_TILES_INLINE void copy_sums(const float* from, float* y, int64_t stride, int64_t rows,
                                  int64_t columns) {
  const __mmask16 m = columns >= 16 ? 0xffff : static_cast<__mmask16>((1u << columns) - 1);
  for (int64_t i = 0; i < rows && i < 16; ++i)
    _mm512_mask_storeu_ps(y + i * stride, m, _mm512_load_ps(from + i * 16));
}

// y of tile number `tile` (a literal: the compiler's intrinsics take no other), of which `rows` x `columns`
// are wanted.
#define RIDGE_STORE_SUMS(tile, y, stride, rows, columns, spare) \
  if ((rows) >= 16 && (columns) >= 16) {                        \
    _tile_stored(tile, y, static_cast<size_t>(stride) * 4);     \
  } else {                                                      \
    _tile_stored(tile, spare, 64);                              \
    copy_sums(spare, y, stride, rows, columns);                 \
  }

// 32 x 32 outputs of `steps` steps: a0 and a1 are the tiles' rows of activations, b the first of two groups
// of weights. With fewer than 17 rows the second tile of activations is left out.
RIDGE_TILES_INLINE void micro(const char* a0, const char* a1, int64_t a_stride, const char* b, int64_t steps,
                              float* y, int64_t y_stride, int64_t rows, int64_t columns, float* spare) {
  const char* b1 = b + steps * kTileBytes;
  const auto stride = static_cast<size_t>(a_stride);
  asm volatile("" ::: "memory");  // tile loads do not say that they read memory
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  if (rows > 16) {
    for (int64_t s = 0; s < steps; ++s) {
      _tile_loadd(4, a0 + s * kLineBytes, stride);
      _tile_loadd(6, b + s * kTileBytes, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_loadd(7, b1 + s * kTileBytes, 64);
      _tile_dpbf16ps(1, 4, 7);
      _tile_loadd(5, a1 + s * kLineBytes, stride);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
    RIDGE_STORE_SUMS(2, y + 16 * y_stride, y_stride, rows - 16, columns, spare)
    if (columns > 16) {
      RIDGE_STORE_SUMS(3, y + 16 * y_stride + 16, y_stride, rows - 16, columns - 16, spare)
    }
  } else {
    for (int64_t s = 0; s < steps; ++s) {
      _tile_loadd(4, a0 + s * kLineBytes, stride);
      _tile_loadd(6, b + s * kTileBytes, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_loadd(7, b1 + s * kTileBytes, 64);
      _tile_dpbf16ps(1, 4, 7);
    }
  }
  RIDGE_STORE_SUMS(0, y, y_stride, rows, columns, spare)
  if (columns > 16) {
    RIDGE_STORE_SUMS(1, y + 16, y_stride, rows, columns - 16, spare)
  }
}

template <typename D>
void multiply(const DotCall& c) {
  const int64_t steps = steps_of(c.k), most = block_rows(c.k);
  char* const packed = static_cast<char*>(c.scratch);
  char* const edge = packed + most * steps * kLineBytes;
  auto* const spare = reinterpret_cast<float*>(edge + 16 * activation_bytes(c.k));
  const auto* a = static_cast<const char*>(c.a);
  // The last rows, where they do not fill a tile, are copied beside zeros: a tile reads all of its 16.
  const int64_t whole = c.m / 16 * 16;
  for (int64_t i = 0; i < 16 && whole < c.m; ++i) {
    char* to = edge + i * c.a_stride;
    if (whole + i < c.m)
      __builtin_memcpy(to, a + (whole + i) * c.a_stride, static_cast<size_t>(steps * kLineBytes));
    else
      __builtin_memset(to, 0, static_cast<size_t>(steps * kLineBytes));
  }
  const auto tile_rows = [&](int64_t row) { return row < whole ? a + row * c.a_stride : edge; };
  configure_tiles();
  for (int64_t n = 0; n < c.n; n += most) {
    const int64_t rows = c.n - n < most ? c.n - n : most;
    pack_weights<D>(static_cast<const char*>(c.w) + n * c.w_stride, c.w_stride, rows, c.k, packed);
    for (int64_t m = 0; m < c.m; m += 32)
      for (int64_t j = 0; j < rows; j += 32)
        micro(tile_rows(m), m + 16 < c.m ? tile_rows(m + 16) : edge, c.a_stride,
              packed + j * steps * kLineBytes, steps, c.y + m * c.y_stride + n + j, c.y_stride, c.m - m,
              rows - j, spare);
  }
  _tile_release();
}

// What decoders are made of.

RIDGE_TILES_INLINE float half_at(const char* p) {
  uint16_t h;
  __builtin_memcpy(&h, p, 2);
  return _cvtsh_ss(h);
}
RIDGE_TILES_INLINE __m128i bytes_at(const char* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
RIDGE_TILES_INLINE __m128i low_nibbles(__m128i q) { return _mm_and_si128(q, _mm_set1_epi8(15)); }
RIDGE_TILES_INLINE __m128i high_nibbles(__m128i q) {
  return _mm_and_si128(_mm_srli_epi16(q, 4), _mm_set1_epi8(15));
}
// Bits [shift, shift + 1] of each byte.
RIDGE_TILES_INLINE __m128i two_bits(__m128i q, int shift) {
  return _mm_and_si128(_mm_srl_epi16(q, _mm_cvtsi32_si128(shift)), _mm_set1_epi8(3));
}
// `value` where the bit of each byte is set.
RIDGE_TILES_INLINE __m128i where_bit(__m128i q, int bit, int value) {
  const __m128i b = _mm_set1_epi8(static_cast<char>(1 << bit));
  return _mm_and_si128(_mm_cmpeq_epi8(_mm_and_si128(q, b), b), _mm_set1_epi8(static_cast<char>(value)));
}
RIDGE_TILES_INLINE __m512 signed_floats(__m128i q) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(q)); }
RIDGE_TILES_INLINE __m512i rounded(__m512 first, __m512 second) {
  return (__m512i)_mm512_cvtne2ps_pbh(second, first);
}
// 32 signed codes, a scale for each half.
RIDGE_TILES_INLINE __m512i scaled(__m128i q0, __m128i q1, float d0, float d1) {
  return rounded(_mm512_mul_ps(signed_floats(q0), _mm512_set1_ps(d0)),
                 _mm512_mul_ps(signed_floats(q1), _mm512_set1_ps(d1)));
}
// The same with an offset, rounded after the product too, as decoding does (the forms with a rounding mode
// are not fused by the compiler).
RIDGE_TILES_INLINE __m512 times_plus(__m128i q, float d, float m) {
  constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return _mm512_add_round_ps(_mm512_mul_round_ps(signed_floats(q), _mm512_set1_ps(d), kNearest),
                             _mm512_set1_ps(m), kNearest);
}
RIDGE_TILES_INLINE __m512i affine(__m128i q0, __m128i q1, float d0, float d1, float m0, float m1) {
  return rounded(times_plus(q0, d0, m0), times_plus(q1, d1, m1));
}

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge

// Defines the kernel of decoder D: D::kName, and D::codes(row, step, k), the bf16 codes of 32 elements.
#define RIDGE_TILES(D)                                                         \
  namespace ridge {                                                            \
  namespace tables {                                                           \
  extern const DotKernel RIDGE_KERNEL_SYMBOL;                                  \
  const DotKernel RIDGE_KERNEL_SYMBOL{RIDGE_ISA_NS::D::kName,                  \
                                      RIDGE_ISA_NAME,                          \
                                      RIDGE_LEVEL_FEATURES,                    \
                                      RIDGE_LEVEL_RANK,                        \
                                      Rounding::bf16_activation,               \
                                      32,                                      \
                                      RIDGE_ISA_NS::activation_bytes,          \
                                      RIDGE_ISA_NS::prepare,                   \
                                      RIDGE_ISA_NS::scratch_bytes,             \
                                      RIDGE_ISA_NS::multiply<RIDGE_ISA_NS::D>, \
                                      true};                                   \
  }                                                                            \
  }
