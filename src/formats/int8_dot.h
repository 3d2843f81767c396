// Dot kernels of the block formats, activations rounded to 8 bits: one template over the formats and over
// AVX-512 with VNNI and AVX2. A format says how 16 elements of a quad of rows are read as codes, and the
// scales of a block of kLanes rows:
//
//   kName, kBlock, kBytes   of the format
//   kSub                    elements that share a scale: 32 or 16
//   kMax                    largest magnitude of a code
//   kSigned                 codes are signed bytes; else unsigned, and
//   kZero                     value = scale * (code - kZero), or
//   kMin                      value = scale * code - min
//   kWideScale              scales reach beyond 2^100, so that kMagicF times one may overflow
//   kUnit, kParts, kChunks  chunks<part>(p, s4, u, c) reads chunks of 16 elements of unit u (kUnit elements)
//                           of the block at p: chunk c[i] of a part lies at element 16 * position(part, i)
//                           of the unit. With kSub 32 the chunks come in pairs of neighbours.
//   scales(p, stride, scale, min)   scale[i * kLanes + row] of sub-block i; min where kMin
//
// Sums over a sub-block are exact integers; an output is then one chain over the groups of 32 elements in
// ascending order, y = fma(t, d, y), t = scale * sum (with two sub-blocks: fma(sum1, scale1, sum0 * scale0)),
// followed by y = fma(min, -d * sum of q, y) where there are mins. Both paths below and both instruction sets
// compute it so, and give the same bits.
//
// Few rows (gemv): kLanes rows of weights are read as they lie, multiplied by quads, and summed by row_sums.
// Many rows (tiles): a panel of kLanes rows is unpacked for kSlice elements of k to four elements a row and
// vector, and met there by every row of activations, broadcast four bytes at a time.
#pragma once
#include "formats/int8_activations.h"
#include "formats/row_runs.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

constexpr int64_t kSlice = 512;   // elements of k unpacked at once: panels stay in the first-level cache
constexpr int64_t kBlockM = 256;  // activation rows that meet an unpacked panel
constexpr int kPanels = RIDGE_VNNI ? 2 : 1, kTileM = RIDGE_VNNI ? 6 : 4;
constexpr int64_t kVBytes = sizeof(V);

template <class W>
constexpr int kPartSums = W::kSub == 32 ? W::kChunks / 2 : W::kChunks;  // sub-blocks of a part
template <class W>
constexpr int kUnitSums = W::kUnit / W::kSub;
// Rows of activations that the path for few rows takes at once: their sums must stay in registers.
template <class W>
constexpr int kFewM = !RIDGE_VNNI || kPartSums<W> > 2 ? 1
                      : kPartSums<W> == 2             ? 2
                                                      : 3;

template <class W, int kPart, int M>
RIDGE_INLINE void part_sums(const char* p, int64_t stride, int u, const char* a, int64_t a_stride,
                            I32 (&sum)[M][kUnitSums<W>]) {
  V t[M][kPartSums<W>][4];
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    V c[W::kChunks];
    W::template chunks<kPart>(p + j * stride, 4 * stride, u, c);
#pragma GCC unroll 8
    for (int i = 0; i < kPartSums<W>; ++i)
#pragma GCC unroll 4
      for (int r = 0; r < M; ++r) {
        constexpr int kPer = W::kSub / 16;
        const int at = W::position(kPart, i * kPer);
        const char* const x = a + r * a_stride + at / 2 * kRecord<W> + at % 2 * 16;
        if constexpr (kPer == 2)
          t[r][i][j] = dot32<W>(c[2 * i], everywhere(x), c[2 * i + 1], everywhere(x + 16));
        else
          t[r][i][j] = dot16<W>(c[i], everywhere(x));
      }
  }
#pragma GCC unroll 4
  for (int r = 0; r < M; ++r)
#pragma GCC unroll 8
    for (int i = 0; i < kPartSums<W>; ++i)
      sum[r][W::position(kPart, i * (W::kSub / 16)) * 16 / W::kSub] = row_sums(t[r][i]);
}

// Where the integer sum of sub-block h of a record starts.
template <class W>
RIDGE_INLINE I32 start(const char* record, int h) {
  return I32{} + (W::kMin ? kMagic : load_as<int>(record + kTermsAt + 4 * h));
}

// t + sum * scale, the sum as read (kMagicF more), rounded once.
template <class W>
RIDGE_INLINE F32 scaled(I32 sum, F32 scale) {
  if constexpr (W::kWideScale) return ((F32)sum - kMagicF) * scale;
  return fma((F32)sum, scale, scale * -kMagicF);
}
RIDGE_INLINE F32 scaled(I32 sum, F32 scale, F32 t) { return fma((F32)sum - kMagicF, scale, t); }

// y += what a group of 32 elements gives: sums, scales and mins of its sub-blocks, and its record.
template <class W>
RIDGE_INLINE F32 add_group(F32 y, const I32* sum, const float* scale, const float* min, const char* record) {
  F32 t = scaled<W>(sum[0], load(scale));
  if constexpr (kTerms<W> == 2) t = scaled(sum[1], load(scale + kLanes), t);
  y = fma(t, set1(load_as<float>(record + kScaleAt)), y);
  if constexpr (W::kMin) {
#pragma GCC unroll 2
    for (int h = 0; h < kTerms<W>; ++h)
      y = fma(load(min + h * kLanes), set1(load_as<float>(record + kTermsAt + 4 * h)), y);
  }
  return y;
}

// out[M][kLanes]: M rows of activations by kLanes rows of weights.
template <class W, int M>
__attribute__((noinline)) void gemv(const char* w, int64_t stride, const char* a, int64_t a_stride, int64_t k,
                                    float* out) {
  constexpr int kSubs = W::kBlock / W::kSub;
  F32 acc[M]{};
  for (int64_t k0 = 0; k0 < k; k0 += W::kBlock, w += W::kBytes) {
    alignas(64) float scale[kSubs * kLanes], min[W::kMin ? kSubs * kLanes : 1];
    W::scales(w, stride, scale, min);
#pragma GCC unroll 1
    for (int u = 0; u < W::kBlock / W::kUnit; ++u) {
      I32 sum[M][kUnitSums<W>];
      part_sums<W, 0, M>(w, stride, u, a, a_stride, sum);
      if constexpr (W::kParts == 2) part_sums<W, 1, M>(w, stride, u, a, a_stride, sum);
#pragma GCC unroll 4
      for (int g = 0; g < W::kUnit / 32; ++g) {
        const int first = g * kTerms<W>, at = (u * kUnitSums<W> + first) * kLanes;
#pragma GCC unroll 4
        for (int r = 0; r < M; ++r) {
          const char* const record = a + r * a_stride + g * kRecord<W>;
#pragma GCC unroll 2
          for (int h = 0; h < kTerms<W>; ++h) sum[r][first + h] += start<W>(record, h);
          acc[r] = add_group<W>(acc[r], &sum[r][first], scale + at, W::kMin ? min + at : nullptr, record);
        }
      }
      a += W::kUnit / 32 * kRecord<W>;
    }
  }
  for (int r = 0; r < M; ++r) store(out + r * kLanes, acc[r]);
}

template <class W, int M>
void few_rows(const DotCall& d, const char* a, float* y) {
  const char* const w = static_cast<const char*>(d.w);
  alignas(64) float out[M * kLanes];
  const auto put = [&](int64_t n, int64_t apart, int64_t lanes) {
    for (int r = 0; r < M; ++r)
      for (int64_t l = 0; l < lanes; ++l) y[r * d.y_stride + n + l * apart] = out[r * kLanes + l];
  };
  const int64_t run = run_length(d.n, d.w_stride, kLanes);
  for (int64_t i = 0; i < run; ++i) {
    gemv<W, M>(w + i * d.w_stride, run * d.w_stride, a, d.a_stride, d.k, out);
    put(i, run, kLanes);
  }
  for (int64_t i = run * kLanes; i < d.n; i += kLanes) {  // the last group may overlap others
    const int64_t n = d.n - i >= kLanes || d.n < kLanes ? i : d.n - kLanes;
    gemv<W, M>(w + n * d.w_stride, d.w_stride, a, d.a_stride, d.k, out);
    put(n, 1, d.n < kLanes ? d.n : kLanes);
  }
}

// kSlice elements of kLanes rows, unpacked: [k / 4][row][4] codes, [sub-block][row] scales and mins.
template <class W>
struct Panel {
  alignas(64) char codes[kSlice / 4 * kVBytes];
  float scale[kSlice / W::kSub * kLanes];
  float min[W::kMin ? kSlice / W::kSub * kLanes : kLanes];
};

template <class W>
struct Scratch {
  Panel<W> panel[kPanels];
  alignas(64) float sums[kBlockM * kPanels * kLanes];
};

template <class W, int kPart>
RIDGE_INLINE void unpack_part(const char* p, int64_t stride, int u, char* codes) {
  V c[4][W::kChunks];
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) W::template chunks<kPart>(p + j * stride, 4 * stride, u, c[j]);
#pragma GCC unroll 8
  for (int i = 0; i < W::kChunks; ++i) {
    const V q[4] = {as_stored<W>(c[0][i]), as_stored<W>(c[1][i]), as_stored<W>(c[2][i]),
                    as_stored<W>(c[3][i])};
    V t[4];
    transpose(q, t);
#pragma GCC unroll 4
    for (int b = 0; b < 4; ++b)
      *reinterpret_cast<V*>(codes + (W::position(kPart, i) * 4 + b) * kVBytes) = t[b];
  }
}

template <class W>
__attribute__((noinline)) void unpack(const char* w, int64_t stride, int64_t elements, Panel<W>* panel) {
  constexpr int kSubs = W::kBlock / W::kSub;
  char* codes = panel->codes;
  for (int64_t b = 0; b < elements / W::kBlock; ++b, w += W::kBytes) {
    W::scales(w, stride, panel->scale + b * kSubs * kLanes,
              W::kMin ? panel->min + b * kSubs * kLanes : panel->min);
#pragma GCC unroll 1
    for (int u = 0; u < W::kBlock / W::kUnit; ++u, codes += W::kUnit / 4 * kVBytes) {
      unpack_part<W, 0>(w, stride, u, codes);
      if constexpr (W::kParts == 2) unpack_part<W, 1>(w, stride, u, codes);
    }
  }
}

// The sums of sub-block h of a group of 32 elements for a tile: A rows of activations by P panels.
template <class W, int A, int P>
RIDGE_INLINE void tile_sums(const char* const (&codes)[P], const char* const (&a)[A], int h,
                            I32 (&sum)[A][P]) {
  constexpr int kSteps = W::kSub / 4;
#pragma GCC unroll 8
  for (int i = 0; i < A; ++i)
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) sum[i][p] = start<W>(a[i], h);
#if RIDGE_VNNI
#pragma GCC unroll 8
  for (int s = 0; s < kSteps; ++s) {
    V w[P];
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) w[p] = *reinterpret_cast<const V*>(codes[p] + (h * kSteps + s) * kVBytes);
#pragma GCC unroll 8
    for (int i = 0; i < A; ++i) {
      V x = (V)(I32{} + load_as<int>(a[i] + h * W::kSub + 4 * s));
      asm("" : "+v"(x));  // one load for all panels
#pragma GCC unroll 2
      for (int p = 0; p < P; ++p) sum[i][p] = (I32)dot<W>((V)sum[i][p], w[p], x);
    }
  }
#else
  static_assert(P == 1);
  constexpr int kRun = kFlush<W> < kSteps ? kFlush<W> : kSteps;
#pragma GCC unroll 8
  for (int s0 = 0; s0 < kSteps; s0 += kRun) {
    V t[A];
#pragma GCC unroll 8
    for (int s = s0; s < s0 + kRun; ++s) {
      const V w = *reinterpret_cast<const V*>(codes[0] + (h * kSteps + s) * kVBytes);
#pragma GCC unroll 8
      for (int i = 0; i < A; ++i) {
        const V x = (V)(I32{} + load_as<int>(a[i] + h * W::kSub + 4 * s));
        t[i] = s == s0 ? products<W>(w, x) : add16(t[i], products<W>(w, x));
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < A; ++i) sum[i][0] = (I32)add32((V)sum[i][0], widen(t[i]));
  }
#endif
}

struct Tile {
  const char* a;  // the record of the slice's first group, of the tile's first row
  int64_t a_stride, groups;
  float* sums;  // [row][kPanels * kLanes]: the outputs so far. (Not in y itself, whose rows may lie so far
                // apart that the caches hold only a few at once.)
  bool first;   // the first slice of k: there are none yet
  float* y;     // the last slice: outputs go here, a panel apart by y_panel; else null
  int64_t y_stride, y_panel;
};

template <class W, int A>
__attribute__((noinline)) void tile(const Tile& c, const Panel<W>* panel) {
  constexpr int P = kPanels;
  F32 acc[A][P];
#pragma GCC unroll 8
  for (int i = 0; i < A; ++i)
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) acc[i][p] = c.first ? F32{} : load(c.sums + (i * P + p) * kLanes);
  const char *a[A], *codes[P];
#pragma GCC unroll 8
  for (int i = 0; i < A; ++i) a[i] = c.a + i * c.a_stride;
#pragma GCC unroll 2
  for (int p = 0; p < P; ++p) codes[p] = panel[p].codes;
  const float *scale = panel->scale, *min = panel->min;
  constexpr int64_t kNext = sizeof(Panel<W>) / 4;
  float* const out = c.y ? c.y : c.sums;
  const int64_t out_stride = c.y ? c.y_stride : P * kLanes, out_panel = c.y ? c.y_panel : kLanes;
#pragma GCC unroll 8
  for (int i = 0; i < A; ++i)
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) __builtin_prefetch(out + i * out_stride + p * out_panel, 1);
  const int64_t ahead = A * c.a_stride;
  for (int64_t g = 0; g < c.groups; ++g) {
#pragma GCC unroll 8
    for (int i = 0; i < A; ++i) __builtin_prefetch(a[i] + ahead);  // the next tile's: short runs, many rows
    F32 t[A][P];
#pragma GCC unroll 2
    for (int h = 0; h < kTerms<W>; ++h) {
      I32 sum[A][P];
      tile_sums<W, A, P>(codes, a, h, sum);
#pragma GCC unroll 2
      for (int p = 0; p < P; ++p) {
        const F32 s = load(scale + p * kNext + h * kLanes);
#pragma GCC unroll 8
        for (int i = 0; i < A; ++i)
          t[i][p] = h == 0 ? scaled<W>(sum[i][p], s) : scaled(sum[i][p], s, t[i][p]);
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < A; ++i) {
      const F32 d = set1(load_as<float>(a[i] + kScaleAt));
#pragma GCC unroll 2
      for (int p = 0; p < P; ++p) acc[i][p] = fma(t[i][p], d, acc[i][p]);
    }
    if constexpr (W::kMin) {
#pragma GCC unroll 2
      for (int h = 0; h < kTerms<W>; ++h)
#pragma GCC unroll 2
        for (int p = 0; p < P; ++p) {
          const F32 s = load(min + p * kNext + h * kLanes);
#pragma GCC unroll 8
          for (int i = 0; i < A; ++i)
            acc[i][p] = fma(s, set1(load_as<float>(a[i] + kTermsAt + 4 * h)), acc[i][p]);
        }
      min += kTerms<W> * kLanes;
    }
    scale += kTerms<W> * kLanes;
#pragma GCC unroll 8
    for (int i = 0; i < A; ++i) a[i] += kRecord<W>;
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) codes[p] += 8 * kVBytes;
  }
#pragma GCC unroll 8
  for (int i = 0; i < A; ++i)
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) store(out + i * out_stride + p * out_panel, acc[i][p]);
}

template <class W>
void tiles(Tile c, int64_t m, const Panel<W>* panel) {
  const auto advance = [&](int64_t rows) {
    m -= rows;
    c.a += rows * c.a_stride;
    c.sums += rows * kPanels * kLanes;
    if (c.y) c.y += rows * c.y_stride;
  };
  for (; m >= kTileM; advance(kTileM)) tile<W, kTileM>(c, panel);
  if (kTileM > 4 && m >= 4) tile<W, 4>(c, panel), advance(4);
  if (m >= 2) tile<W, 2>(c, panel), advance(2);
  if (m >= 1) tile<W, 1>(c, panel);
}

template <class W>
void multiply_rows(const DotCall& d, const char* a, float* y, int64_t m, Scratch<W>* s) {
  if constexpr (kFewM<W> >= 3)
    if (m == 3) return few_rows<W, 3>(d, a, y);
  if constexpr (kFewM<W> >= 2)
    if (m == 2) return few_rows<W, 2>(d, a, y);
  if (m == 1) return few_rows<W, 1>(d, a, y);
  const char* const w = static_cast<const char*>(d.w);
  const int64_t last = d.n > kLanes ? d.n - kLanes : 0;  // the last panel may overlap the one before
  const auto row = [last](int64_t n) { return n < last ? n : last; };
  for (int64_t n = 0; n < d.n; n += kPanels * kLanes) {
    const bool narrow = d.n < kLanes;  // then y has no room for whole vectors
    for (int64_t k0 = 0; k0 < d.k; k0 += kSlice) {
      const bool last_slice = d.k - k0 <= kSlice;
      const int64_t elements = last_slice ? d.k - k0 : kSlice;
      for (int p = 0; p < kPanels; ++p)
        unpack<W>(w + row(n + p * kLanes) * d.w_stride + k0 / W::kBlock * W::kBytes, d.w_stride, elements,
                  s->panel + p);
      tiles<W>({a + k0 / 32 * kRecord<W>, d.a_stride, elements / 32, s->sums, k0 == 0,
                last_slice && !narrow ? y + row(n) : nullptr, d.y_stride, row(n + kLanes) - row(n)},
               m, s->panel);
    }
    for (int64_t i = 0; narrow && i < m; ++i)
      store_n(y + i * d.y_stride, load(s->sums + i * kPanels * kLanes), d.n);
  }
}

template <class W>
int64_t scratch_bytes(int64_t k) {
  return static_cast<int64_t>(sizeof(Scratch<W>)) + kLanes * (k / W::kBlock * W::kBytes);
}

template <class W>
void multiply(const DotCall& call) {
  DotCall d = call;
  auto* const scratch = static_cast<Scratch<W>*>(d.scratch);
  if (d.n < kLanes) {  // fewer rows than lanes: a copy with the last row repeated, so that all lanes have one
    char* const rows = reinterpret_cast<char*>(scratch + 1);
    const int64_t row_bytes = d.k / W::kBlock * W::kBytes;
    for (int64_t i = 0; i < kLanes; ++i)
      __builtin_memcpy(rows + i * row_bytes,
                       static_cast<const char*>(d.w) + (i < d.n ? i : d.n - 1) * d.w_stride,
                       static_cast<size_t>(row_bytes));
    d.w = rows;
    d.w_stride = row_bytes;
  }
  for (int64_t m = 0; m < d.m; m += kBlockM)
    multiply_rows<W>(d, static_cast<const char*>(d.a) + m * d.a_stride, d.y + m * d.y_stride,
                     d.m - m < kBlockM ? d.m - m : kBlockM, scratch);
}

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge

// The kernel of a format, a type in RIDGE_ISA_NS.
#define RIDGE_INT8_DOT(W)                                                              \
  namespace ridge::tables {                                                            \
  extern const DotKernel RIDGE_KERNEL_SYMBOL;                                          \
  const DotKernel RIDGE_KERNEL_SYMBOL{RIDGE_ISA_NS::W::kName,                          \
                                      RIDGE_ISA_NAME,                                  \
                                      RIDGE_LEVEL_FEATURES,                            \
                                      RIDGE_LEVEL_RANK,                                \
                                      Rounding::q8_activation,                         \
                                      32,                                              \
                                      RIDGE_ISA_NS::activation_bytes<RIDGE_ISA_NS::W>, \
                                      RIDGE_ISA_NS::prepare<RIDGE_ISA_NS::W>,          \
                                      RIDGE_ISA_NS::scratch_bytes<RIDGE_ISA_NS::W>,    \
                                      RIDGE_ISA_NS::multiply<RIDGE_ISA_NS::W>};        \
  }
