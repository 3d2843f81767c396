// Dot kernels of the real formats, activations in f32: shared by their NAME.simd.cpp files.
//
// One vector accumulator an output, over k in ascending steps of a vector, its lanes summed at the end by one
// fixed tree. Every path, whatever its tile, adds to an output in this order, so an output does not depend on
// its neighbours. Many rows: tiles of kMainA activation rows by kMainN weight rows keep their accumulators in
// registers; k goes in blocks so that both operands of a tile stay in the first-level cache, the accumulators
// resting in the scratch memory in between. Few rows: enough weight rows at once to hide the latency of FMA.
#pragma once
#include "base/cpu_features.h"
#include "base/simd.h"
#include "formats/dot.h"

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

// A Weights type says how a row is read:
//   kVectors                      vectors of f32 that a step yields (kStep = kVectors * kLanes elements)
//   kBytes                        bytes of an element
//   kPrepared                     activations come from prepare(): reordered to match, zeros up to whole
//   steps load(p, v), load_n(p, n, v)   a step, and its first n elements with zeros beyond kMainA, kMainN,
//   kMidA, kMidN  register tiles for many rows and for what they leave

// sum[A][N] += the elements of one step, or the first n of it.
template <class W, int A, int N, bool kWhole>
RIDGE_INLINE void step(const char* const* w, int64_t w_at, const float* const* a, int64_t a_at, int64_t n,
                       F32 (&sum)[A][N]) {
#pragma GCC unroll 2
  for (int u = 0; u < W::kVectors; ++u) {
    F32 v[N];
    if constexpr (A > 1) {
#pragma GCC unroll 8
      for (int j = 0; j < N; ++j) v[j] = kWhole ? W::load(w[j] + w_at, u) : W::load_n(w[j] + w_at, n, u);
    }
#pragma GCC unroll 8
    for (int i = 0; i < A; ++i) {
      const float* const p = a[i] + a_at + u * kLanes;
      F32 x = kWhole || W::kPrepared ? load(p) : load_n(p, n);
      RIDGE_KEEP(x);
#pragma GCC unroll 8
      for (int j = 0; j < N; ++j) {
        if constexpr (A == 1) v[j] = kWhole ? W::load(w[j] + w_at, u) : W::load_n(w[j] + w_at, n, u);
        sum[i][j] = fma(v[j], x, sum[i][j]);
      }
    }
  }
}

template <class W, int A, int N>
RIDGE_INLINE void accumulate(const char* const* w, const float* const* a, int64_t n, F32 (&sum)[A][N]) {
  constexpr int kStep = W::kVectors * kLanes;
  int64_t i = 0;
  for (; i + kStep <= n; i += kStep) step<W, A, N, true>(w, i * W::kBytes, a, i, kStep, sum);
  if (i < n) step<W, A, N, false>(w, i * W::kBytes, a, i, n - i, sum);
}

struct Rows {
  const char* w;
  int64_t w_stride;
  const char* a;
  int64_t a_stride;
  int64_t n;  // weight rows there are
  int64_t k;
  float* y;
  int64_t y_stride;
};

// Elements [k0, k1) of a tile whose first activation row is `row` and whose first weight row is `n0`. Rows
// beyond the last are read as the last and not written.
template <class W, int A, int N, bool kBlocked>
__attribute__((noinline)) void tile(const Rows& c, int64_t row, int64_t n0, int64_t k0, int64_t k1,
                                    F32* keep) {
  const char* w[N];
  const float* a[A];
#pragma GCC unroll 8
  for (int j = 0; j < N; ++j) w[j] = c.w + (n0 + j < c.n ? n0 + j : c.n - 1) * c.w_stride + k0 * W::kBytes;
#pragma GCC unroll 8
  for (int i = 0; i < A; ++i) a[i] = reinterpret_cast<const float*>(c.a + (row + i) * c.a_stride) + k0;
  F32 sum[A][N];
#pragma GCC unroll 8
  for (int i = 0; i < A; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j) sum[i][j] = kBlocked && k0 > 0 ? keep[i * N + j] : F32{};
  accumulate<W, A, N>(w, a, k1 - k0, sum);
  if (kBlocked && k1 < c.k) {
#pragma GCC unroll 8
    for (int i = 0; i < A; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < N; ++j) keep[i * N + j] = sum[i][j];
    return;
  }
  const int64_t left = c.n - n0;
#pragma GCC unroll 8
  for (int i = 0; i < A; ++i) {
    float* const y = c.y + (row + i) * c.y_stride + n0;
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j) {
      const float total = reduce_add(sum[i][j]);
      if (j < left) y[j] = total;
    }
  }
}

constexpr int64_t kBlockA = 32;    // activation rows that a tile of weights meets while it is in the cache
constexpr int64_t kBlockK = 1024;  // elements of k that a tile takes at once; whole steps
constexpr int kTileA = 8, kTileN = 8;  // upper bounds of every tile

// Rows [begin, end) of the activations, a multiple of A.
template <class W, int A, int N>
RIDGE_INLINE void many(const Rows& c, int64_t begin, int64_t end, F32* keep) {
  for (int64_t m0 = begin; m0 < end; m0 += kBlockA / A * A) {
    const int64_t m1 = m0 + kBlockA / A * A < end ? m0 + kBlockA / A * A : end;
    for (int64_t n0 = 0; n0 < c.n; n0 += N)
      for (int64_t k0 = 0; k0 < c.k; k0 += kBlockK) {
        const int64_t k1 = k0 + kBlockK < c.k ? k0 + kBlockK : c.k;
        for (int64_t r = m0; r < m1; r += A) tile<W, A, N, true>(c, r, n0, k0, k1, keep + (r - m0) * N);
      }
  }
}

template <class W, int A, int N>
RIDGE_INLINE void few(const Rows& c, int64_t row) {
  for (int64_t n0 = 0; n0 < c.n; n0 += N) tile<W, A, N, false>(c, row, n0, 0, c.k, nullptr);
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
  const int64_t whole = d.m / W::kMainA * W::kMainA;
  int64_t row = whole;
  if (whole > 0) many<W, W::kMainA, W::kMainN>(c, 0, whole, static_cast<F32*>(d.scratch));
  if constexpr (W::kMidA > 0)
    for (; d.m - row >= W::kMidA; row += W::kMidA) few<W, W::kMidA, W::kMidN>(c, row);
  constexpr int kFewN = kLanes == 16 ? 8 : 4;  // as many as the registers hold
  for (; d.m - row >= 2; row += 2) few<W, 2, kFewN>(c, row);
  if (row < d.m) few<W, 1, 8>(c, row);
}

int64_t float_scratch(int64_t) { return kBlockA * kTileN * static_cast<int64_t>(sizeof(F32)); }

constexpr bool kWide = kLanes == 16;  // 32 vector registers instead of 16
constexpr bool kFma = kLanes >= 8;

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge
