// Dot kernels of the real formats: shared by their NAME.<isa>.cpp files.
//
// One vector accumulator an output, over k in ascending steps of a vector, its lanes summed at the end by one
// fixed tree. Every path, whatever its tile, adds to an output in this order, so an output does not depend on
// its neighbours. Few rows of activations: weights are read as they lie, enough rows at once to hide the
// latency of a product. Many rows: kMainN rows of weights are converted for kBlockVectors vectors of k into
// the scratch memory, and met there by tiles of kMainA rows of activations; accumulators stay in registers,
// and rest in the scratch memory between two blocks of k.
#pragma once
#include "base/cpu_features.h"
#include "base/simd.h"
#include "formats/dot.h"
#include "formats/row_runs.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

// A value that stays in a register: without this GCC reads memory again for each use.
#if defined(__x86_64__)
#define RIDGE_KEEP(x) asm("" : "+v"(x))
#else
#define RIDGE_KEEP(x) asm("" : "+w"(x))
#endif

// A row of 16-bit codes that ends within a step.
[[maybe_unused]] __attribute__((noinline)) void copy_codes(const char* p, int64_t n, uint16_t* to,
                                                           int64_t room) {
  for (int64_t i = 0; i < room; ++i) to[i] = 0;
  for (int64_t i = 0; i < n; ++i) __builtin_memcpy(to + i, p + 2 * i, 2);
}

constexpr bool kWide = kLanes == 16;  // 32 vector registers instead of 16
constexpr bool kFma = kLanes >= 8;
constexpr int kMainA = kWide ? 4 : kFma ? 3 : 2, kMainN = kWide ? 6 : 4;
constexpr int kBlockVectors = 32;  // 24 KiB of weights: they stay in the first-level cache
constexpr int kVector = sizeof(F32);

// A Weights type says how a row is read and multiplied:
//   kVectors                      vectors that a step yields
//   kPer                          elements of a vector
//   kBytes                        bytes of an element
//   kPrepared                     activations come from prepare(): vectors that match, zeros up to whole
//   steps load(p, u), load_n(p, n, u)   vector u of a step, and of its first n elements with zeros beyond
//   add_product(sum, w, x)

template <class W>
constexpr int kStep = W::kVectors* W::kPer;

struct Rows {
  const char* w;
  int64_t w_stride;
  const char* a;
  int64_t a_stride;
  int64_t n, k;
  float* y;
  int64_t y_stride;
};

// Rows of weights first, first + apart, ... (`count` of them).
struct Some {
  int64_t first, apart, count;
};

template <int A, int N>
RIDGE_INLINE void put(const Rows& c, int64_t row, const Some& s, const F32 (&sum)[A][N]) {
#pragma GCC unroll 8
  for (int i = 0; i < A; ++i) {
    float* const y = c.y + (row + i) * c.y_stride + s.first;
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j) {
      const float total = reduce_add(sum[i][j]);
      if (j < s.count) y[j * s.apart] = total;
    }
  }
}

// sum[A][N] += the elements of one step, or the first n of it.
template <class W, int A, int N, bool kWhole>
RIDGE_INLINE void step(const char* const* w, const char* const* a, int64_t s, int64_t n, F32 (&sum)[A][N]) {
  const int64_t w_at = s * (kStep<W> * W::kBytes);
#pragma GCC unroll 2
  for (int u = 0; u < W::kVectors; ++u) {
    F32 v[N];
    if constexpr (A > 1) {
#pragma GCC unroll 8
      for (int j = 0; j < N; ++j) v[j] = kWhole ? W::load(w[j] + w_at, u) : W::load_n(w[j] + w_at, n, u);
    }
#pragma GCC unroll 8
    for (int i = 0; i < A; ++i) {
      const float* const p = reinterpret_cast<const float*>(a[i] + (s * W::kVectors + u) * kVector);
      F32 x = kWhole || W::kPrepared ? load(p) : load_n(p, n);
      RIDGE_KEEP(x);
#pragma GCC unroll 8
      for (int j = 0; j < N; ++j) {
        if constexpr (A == 1) v[j] = kWhole ? W::load(w[j] + w_at, u) : W::load_n(w[j] + w_at, n, u);
        sum[i][j] = W::add_product(sum[i][j], v[j], x);
      }
    }
  }
}

// A rows of activations by at most N rows of weights as they lie. (Where fewer, the last stands in.)
template <class W, int A, int N>
__attribute__((noinline)) void direct_tile(const Rows& c, int64_t row, const Some& rows) {
  const char *w[N], *a[A];
#pragma GCC unroll 8
  for (int j = 0; j < N; ++j)
    w[j] = c.w + (rows.first + (j < rows.count ? j : rows.count - 1) * rows.apart) * c.w_stride;
#pragma GCC unroll 8
  for (int i = 0; i < A; ++i) a[i] = c.a + (row + i) * c.a_stride;
  F32 sum[A][N]{};
  int64_t s = 0;
  for (; (s + 1) * kStep<W> <= c.k; ++s) step<W, A, N, true>(w, a, s, kStep<W>, sum);
  if (s * kStep<W> < c.k) step<W, A, N, false>(w, a, s, c.k - s * kStep<W>, sum);
  put(c, row, rows, sum);
}

template <int A, int N>
struct Tile {};  // activation rows by weight rows

template <class W>
void few(const Rows& c, int64_t m) {
  constexpr int kTogether = 8;  // rows of weights that all tiles of activations meet
  const auto meet = [&](const Some& s) {
    int64_t row = 0;
    const auto tiles = [&]<int A, int N>(Tile<A, N>) {
      for (; m - row >= A; row += A)
        for (int64_t j = 0; j < s.count; j += N)
          direct_tile<W, A, N>(c, row, {s.first + j * s.apart, s.apart, s.count - j < N ? s.count - j : N});
    };
    if constexpr (kWide) tiles(Tile<4, 4>());
    tiles(Tile < 2, kWide ? 8 : 4 > ());
    tiles(Tile<1, 8>());
  };
  const int64_t run = run_length(c.n, c.w_stride, kTogether);
  for (int64_t i = 0; i < run; ++i) meet({i, run, kTogether});
  for (int64_t i = run * kTogether; i < c.n; i += kTogether)
    meet({i, 1, c.n - i < kTogether ? c.n - i : kTogether});
}

// Converts `vectors` vectors of kMainN rows, the first of them n0, from element k0 on: [vector][row].
template <class W>
__attribute__((noinline)) void convert(const Rows& c, int64_t n0, int64_t k0, int64_t vectors, float* out) {
#pragma GCC unroll 8
  for (int j = 0; j < kMainN; ++j) {
    const char* w = c.w + (n0 + j < c.n ? n0 + j : c.n - 1) * c.w_stride + k0 * W::kBytes;
    for (int64_t v = 0; v < vectors; v += W::kVectors, w += kStep<W> * W::kBytes) {
      const int64_t left = c.k - k0 - v * W::kPer;
#pragma GCC unroll 2
      for (int u = 0; u < W::kVectors; ++u)
        store(out + ((v + u) * kMainN + j) * kLanes,
              left >= kStep<W> ? W::load(w, u) : W::load_n(w, left, u));
    }
  }
}

// Copies A rows of activations, the first of them `row`: [vector][row], zeros beyond k.
template <class W, int A>
__attribute__((noinline)) void gather(const Rows& c, int64_t row, int64_t vectors, float* out) {
#pragma GCC unroll 8
  for (int i = 0; i < A; ++i) {
    const auto* const a = reinterpret_cast<const float*>(c.a + (row + i) * c.a_stride);
    const int64_t whole = W::kPrepared ? vectors : c.k / W::kPer;
    for (int64_t v = 0; v < whole; ++v) store(out + (v * A + i) * kLanes, load(a + v * kLanes));
    if (whole < vectors) store(out + (whole * A + i) * kLanes, load_n(a + whole * kLanes, c.k % W::kPer));
  }
}

// A rows by kMainN rows over a block of k; `first` and `last`: of its blocks.
template <class W, int A>
__attribute__((noinline)) void tile(const float* a, const float* w, int64_t vectors, bool first, bool last,
                                    F32* keep, const Rows& c, int64_t row, int64_t n0) {
  constexpr int N = kMainN;
  F32 sum[A][N];
#pragma GCC unroll 8
  for (int i = 0; i < A; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j) sum[i][j] = first ? F32{} : keep[i * N + j];
  for (int64_t v = 0; v < vectors; ++v, a += A * kLanes, w += N * kLanes) {
    F32 b[N];
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j) b[j] = load(w + j * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < A; ++i) {
      F32 x = load(a + i * kLanes);
      RIDGE_KEEP(x);
#pragma GCC unroll 8
      for (int j = 0; j < N; ++j) sum[i][j] = W::add_product(sum[i][j], b[j], x);
    }
  }
  if (last) return put(c, row, {n0, 1, c.n - n0}, sum);
#pragma GCC unroll 8
  for (int i = 0; i < A; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j) keep[i * N + j] = sum[i][j];
}

constexpr int64_t kMostRows = 128;

// Rows of activations taken at once: as many as stay in the second-level cache.
RIDGE_INLINE int64_t rows_at_once(int64_t row_bytes) {
  const int64_t fit = (int64_t{640} << 10) / row_bytes;
  return (fit < 16 ? 16 : fit < kMostRows ? fit : kMostRows) / kMainA * kMainA;
}

// Vectors of a row: whole steps.
template <class W>
RIDGE_INLINE int64_t vectors_of(int64_t k) {
  return (k + kStep<W> - 1) / kStep<W> * W::kVectors;
}

struct Scratch {
  alignas(64) float weights[kBlockVectors * kMainN * kLanes];
  F32 keep[kMostRows * kMainN];  // then the activations
};

template <class W>
int64_t scratch_bytes(int64_t k) {
  const int64_t row_bytes = vectors_of<W>(k) * kVector;
  return static_cast<int64_t>(sizeof(Scratch)) + rows_at_once(row_bytes) * row_bytes;
}

// Prefetches part `part` of `parts` of what the next convert() reads: rows from n0 on, from element k0 on.
template <class W>
RIDGE_INLINE void fetch(const Rows& c, int64_t n0, int64_t k0, int64_t part, int64_t parts) {
  constexpr int64_t kLines = (kBlockVectors * W::kPer * W::kBytes + 63) / 64;  // of a row
  const char* const p = c.w + n0 * c.w_stride + k0 * W::kBytes;
  const int64_t end = (part + 1) * kMainN * kLines / parts;
  for (int64_t i = part * kMainN * kLines / parts; i < end; ++i)
    __builtin_prefetch(p + i / kLines * c.w_stride + i % kLines * 64, 0, 2);
}

template <class W>
void many(const Rows& c, int64_t m, Scratch* scratch) {
  const int64_t all = vectors_of<W>(c.k), block = rows_at_once(all * kVector);
  float* const activations = reinterpret_cast<float*>(scratch + 1);
  for (int64_t m0 = 0; m0 < m; m0 += block) {
    const int64_t rows = m - m0 < block ? m - m0 : block;
    // fn.operator()<A>(row) for tiles of rows
    const auto each_tile = [rows](auto&& fn) __attribute__((always_inline)) {
      int64_t r = 0;
      for (; rows - r >= kMainA; r += kMainA) fn(Tile<kMainA, kMainN>(), r);
      if constexpr (kMainA > 2)
        for (; rows - r >= 2; r += 2) fn(Tile<2, kMainN>(), r);
      for (; r < rows; ++r) fn(Tile<1, kMainN>(), r);
    };
    each_tile([&]<int A, int N>(Tile<A, N>, int64_t r) {
      gather<W, A>(c, m0 + r, all, activations + r * all * kLanes);
    });
    for (int64_t n0 = 0; n0 < c.n; n0 += kMainN)
      for (int64_t v0 = 0; v0 < all; v0 += kBlockVectors) {
        const int64_t vectors = all - v0 < kBlockVectors ? all - v0 : kBlockVectors;
        convert<W>(c, n0, v0 * W::kPer, vectors, scratch->weights);
        const bool wrap = v0 + vectors == all;
        const int64_t next_n = wrap ? n0 + kMainN : n0, next_k = wrap ? 0 : (v0 + vectors) * W::kPer;
        each_tile([&]<int A, int N>(Tile<A, N>, int64_t r) {
          if constexpr (A == kMainA) fetch<W>(c, next_n, next_k, r / A, rows / A);
          tile<W, A>(activations + (r * all + v0 * A) * kLanes, scratch->weights, vectors, v0 == 0,
                     v0 + vectors == all, scratch->keep + r * kMainN, c, m0 + r, n0);
        });
      }
  }
}

template <class W>
void multiply(const DotCall& d) {
  const Rows c{static_cast<const char*>(d.w),
               d.w_stride,
               static_cast<const char*>(d.a),
               d.a_stride,
               d.n,
               d.k,
               d.y,
               d.y_stride};
  if (d.m < 16)
    few<W>(c, d.m);
  else
    many<W>(c, d.m, static_cast<Scratch*>(d.scratch));
}

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge
