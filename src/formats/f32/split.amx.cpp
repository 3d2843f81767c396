// F32 in matrix tiles: each number is the sum of three bf16 numbers, and a product the sum of the six
// products of their parts that f32 can tell from nothing (Henry et al. 2019, "Leveraging the bfloat16
// artificial intelligence datatype for higher-precision computations"). What is left out is below 2^-24 of
// the product, and the tiles add in f32: it is as exact as f32 arithmetic, and the tiles are far faster than
// f32 vectors. Numbers that are not finite give NaN.
#include "formats/tiles.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

constexpr int64_t kParts = 3;

// The codes of 32 numbers in three parts. The upper ones are cut, not rounded: no part overflows, and all
// have the sign of the number.
RIDGE_TILES_INLINE void split(__m512 x0, __m512 x1, __m512i (&part)[kParts]) {
  const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
  const auto top = [&](__m512 x) {
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(x), upper));
  };
  // Bits 16 to 31 of 32 numbers, in order.
  const auto pack = [](__m512 a, __m512 b) {
    const __m512i low = _mm512_srli_epi32(_mm512_castps_si512(a), 16);
    const __m512i mixed = _mm512_packus_epi32(low, _mm512_srli_epi32(_mm512_castps_si512(b), 16));
    return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), mixed);
  };
  const __m512 h0 = top(x0), h1 = top(x1);
  part[0] = pack(h0, h1);
  x0 = _mm512_sub_ps(x0, h0), x1 = _mm512_sub_ps(x1, h1);
  const __m512 m0 = top(x0), m1 = top(x1);
  part[1] = pack(m0, m1);
  part[2] = (__m512i)_mm512_cvtne2ps_pbh(_mm512_sub_ps(x1, m1), _mm512_sub_ps(x0, m0));
}

RIDGE_TILES_INLINE void split_at(const float* x, int64_t left, __m512i (&part)[kParts]) {
  const auto mask = [](int64_t n) {
    return n >= 16  ? static_cast<__mmask16>(0xffff)
           : n <= 0 ? __mmask16{0}
                    : static_cast<__mmask16>((1u << n) - 1);
  };
  split(_mm512_maskz_loadu_ps(mask(left), x), _mm512_maskz_loadu_ps(mask(left - 16), x + 16), part);
}

// Steps taken at once: sums rest in the output in between. So a block of many rows of weights fits into the
// second-level cache, and activations are read that much less often.
constexpr int64_t kBlockSteps = 24;
RIDGE_TILES_INLINE int64_t block_steps(int64_t k) {
  return steps_of(k) < kBlockSteps ? steps_of(k) : kBlockSteps;
}

// Rows of weights taken apart at once: their parts, in whole pairs of tiles.
RIDGE_TILES_INLINE int64_t split_rows(int64_t k) {
  const int64_t rows = (int64_t{1} << 20) / (kParts * block_steps(k) * kLineBytes) / 32 * 32;
  return rows < 32 ? 32 : rows > 256 ? 256 : rows;
}

// A row: the lines of a step's three parts, one behind the other.
RIDGE_TILES_INLINE int64_t row_bytes(int64_t k) { return kParts * steps_of(k) * kLineBytes; }
int64_t split_activation_bytes(int64_t k) { return row_bytes(k) + kLineBytes; }

void split_prepare(const float* x, void* out, int64_t k) {
  auto* a = static_cast<char*>(out);
  for (int64_t i = 0; i < k; i += kStep, a += kParts * kLineBytes) {
    __m512i part[kParts];
    split_at(x + i, k - i, part);
    for (int64_t p = 0; p < kParts; ++p) _mm512_storeu_si512(a + p * kLineBytes, part[p]);
  }
}

int64_t split_scratch_bytes(int64_t k) {
  return split_rows(k) * kParts * block_steps(k) * kLineBytes + 16 * split_activation_bytes(k) + kTileBytes;
}

// Steps [first, last) of rows [0, rows) of weights as tiles: out[group of 16 rows][step][part]. Rows that are
// not there are zeros.
void split_weights(const char* w, int64_t stride, int64_t rows, int64_t k, int64_t first, int64_t last,
                   char* out) {
  for (int64_t g = 0; g < (rows + 31) / 32 * 32; g += 16)
    for (int64_t s = first; s < last; ++s, out += kParts * kTileBytes) {
      __m512i tile[kParts][16];
      for (int64_t i = 0; i < 16; ++i) {
        const auto* row = reinterpret_cast<const float*>(w + (g + i < rows ? g + i : 0) * stride) + s * kStep;
        __m512i part[kParts];
        split_at(row, g + i < rows ? k - s * kStep : 0, part);
        for (int64_t p = 0; p < kParts; ++p) tile[p][i] = part[p];
      }
      for (int64_t p = 0; p < kParts; ++p) {
        transpose_words(tile[p]);
        for (int64_t i = 0; i < 16; ++i)
          _mm512_store_si512(out + p * kTileBytes + i * kLineBytes, tile[p][i]);
      }
    }
}

// The tiles of part p of the activations (4, 5) and of the weights (6, 7).
#define RIDGE_LOAD_A(p)                                    \
  _tile_loadd(4, a0 + s * kLine + (p)*kLineBytes, stride); \
  _tile_loadd(5, a1 + s * kLine + (p)*kLineBytes, stride);
#define RIDGE_LOAD_B(p)                               \
  _tile_loadd(6, b + s * kTile + (p)*kTileBytes, 64); \
  _tile_loadd(7, b1 + s * kTile + (p)*kTileBytes, 64);
#define RIDGE_PRODUCTS     \
  _tile_dpbf16ps(0, 4, 6); \
  _tile_dpbf16ps(1, 4, 7); \
  _tile_dpbf16ps(2, 5, 6); \
  _tile_dpbf16ps(3, 5, 7);

// Sums so far into tile number `tile`: zeros, or `rows` x `columns` of y.
#define RIDGE_LOAD_SUMS(tile, y, stride, rows, columns, spare, fresh)                \
  if (fresh) {                                                                       \
    _tile_zero(tile);                                                                \
  } else if ((rows) >= 16 && (columns) >= 16) {                                      \
    _tile_loadd(tile, y, static_cast<size_t>(stride) * 4);                           \
  } else {                                                                           \
    fetch_sums(y, stride, rows, columns, spare);                                     \
    asm volatile("" ::: "memory"); /* tile loads do not say that they read memory */ \
    _tile_loadd(tile, spare, 64);                                                    \
  }

RIDGE_TILES_INLINE void fetch_sums(const float* y, int64_t stride, int64_t rows, int64_t columns, float* to) {
  const __mmask16 m = columns >= 16  ? static_cast<__mmask16>(0xffff)
                      : columns <= 0 ? __mmask16{0}
                                     : static_cast<__mmask16>((1u << columns) - 1);
  for (int64_t i = 0; i < 16; ++i)
    _mm512_store_ps(to + i * 16, i < rows ? _mm512_maskz_loadu_ps(m, y + i * stride) : _mm512_setzero_ps());
}

// 32 x 32 outputs. The products of a step are added from the smallest on, and each next one shares its
// activations or its weights with the one before.
RIDGE_TILES_INLINE void split_micro(const char* a0, const char* a1, int64_t a_stride, const char* b,
                                    int64_t steps, bool fresh, float* y, int64_t y_stride, int64_t rows,
                                    int64_t columns, float* spare) {
  constexpr int64_t kLine = kParts * kLineBytes, kTile = kParts * kTileBytes;
  const char* b1 = b + steps * kTile;
  const auto stride = static_cast<size_t>(a_stride);
  float *right = y + 16, *below = y + 16 * y_stride, *across = below + 16;
  RIDGE_LOAD_SUMS(0, y, y_stride, rows, columns, spare, fresh)
  RIDGE_LOAD_SUMS(1, right, y_stride, rows, columns - 16, spare, fresh)
  RIDGE_LOAD_SUMS(2, below, y_stride, rows - 16, columns, spare, fresh)
  RIDGE_LOAD_SUMS(3, across, y_stride, rows - 16, columns - 16, spare, fresh)
  for (int64_t s = 0; s < steps; ++s) {
    RIDGE_LOAD_A(2)
    RIDGE_LOAD_B(0)
    RIDGE_PRODUCTS
    RIDGE_LOAD_A(1)
    RIDGE_PRODUCTS
    RIDGE_LOAD_B(1)
    RIDGE_PRODUCTS
    RIDGE_LOAD_A(0)
    RIDGE_PRODUCTS
    RIDGE_LOAD_B(2)
    RIDGE_PRODUCTS
    RIDGE_LOAD_B(0)
    RIDGE_PRODUCTS
  }
  RIDGE_STORE_SUMS(0, y, y_stride, rows, columns, spare)
  if (columns > 16) {
    RIDGE_STORE_SUMS(1, right, y_stride, rows, columns - 16, spare)
  }
  if (rows > 16) {
    RIDGE_STORE_SUMS(2, below, y_stride, rows - 16, columns, spare)
    if (columns > 16) {
      RIDGE_STORE_SUMS(3, across, y_stride, rows - 16, columns - 16, spare)
    }
  }
}

void split_multiply(const DotCall& c) {
  const int64_t steps = steps_of(c.k), most = split_rows(c.k), bytes = row_bytes(c.k);
  char* const packed = static_cast<char*>(c.scratch);
  const int64_t block = block_steps(c.k) * kParts * kLineBytes;  // bytes of a packed row
  char* const edge = packed + most * block;
  auto* const spare = reinterpret_cast<float*>(edge + 16 * split_activation_bytes(c.k));
  const auto* a = static_cast<const char*>(c.a);
  // The last rows, where they do not fill a tile, are copied beside zeros: a tile reads all of its 16.
  const int64_t whole = c.m / 16 * 16;
  for (int64_t i = 0; i < 16 && whole < c.m; ++i) {
    char* to = edge + i * c.a_stride;
    if (whole + i < c.m)
      __builtin_memcpy(to, a + (whole + i) * c.a_stride, static_cast<size_t>(bytes));
    else
      __builtin_memset(to, 0, static_cast<size_t>(bytes));
  }
  const auto tile_rows = [&](int64_t row) { return row < whole ? a + row * c.a_stride : edge; };
  configure_tiles();
  for (int64_t n = 0; n < c.n; n += most) {
    const int64_t rows = c.n - n < most ? c.n - n : most;
    for (int64_t first = 0; first < steps; first += kBlockSteps) {
      const int64_t last = steps - first < kBlockSteps ? steps : first + kBlockSteps;
      split_weights(static_cast<const char*>(c.w) + n * c.w_stride, c.w_stride, rows, c.k, first, last,
                    packed);
      const int64_t begin = first * kParts * kLineBytes, packed_row = (last - first) * kParts * kLineBytes;
      for (int64_t m = 0; m < c.m; m += 32)
        for (int64_t j = 0; j < rows; j += 32)
          split_micro(tile_rows(m) + begin, tile_rows(m + 16 < c.m ? m + 16 : m) + begin, c.a_stride,
                      packed + j * packed_row, last - first, first == 0, c.y + m * c.y_stride + n + j,
                      c.y_stride, c.m - m, rows - j, spare);
    }
  }
  _tile_release();
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const DotKernel RIDGE_KERNEL_SYMBOL;
const DotKernel RIDGE_KERNEL_SYMBOL{"f32",
                                    RIDGE_ISA_NAME,
                                    RIDGE_LEVEL_FEATURES,
                                    RIDGE_LEVEL_RANK,
                                    Rounding::f32,
                                    32,
                                    RIDGE_ISA_NS::split_activation_bytes,
                                    RIDGE_ISA_NS::split_prepare,
                                    RIDGE_ISA_NS::split_scratch_bytes,
                                    RIDGE_ISA_NS::split_multiply,
                                    true};
}  // namespace tables
}  // namespace ridge
