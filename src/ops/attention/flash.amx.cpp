// FlashAttention (Dao et al. 2022) in matrix tiles, for prompts: online softmax over tiles of 64 keys, both
// products in bf16 tiles with sums in f32. Values and weights are rounded to bf16. Queries and keys are split
// into two bf16 numbers each, since the exponential multiplies errors of the scores: of the four products
// only that of the two small parts is left out.
//
// A unit of work is one segment, one KV head and a block of its queries, all heads of the group together:
// each tile of keys and values is packed once a group. Tiles start at multiples of kTile keys of the
// sequence. Each tile's product with the values is made by itself and added outside the tiles, so that a tile
// of which a query sees nothing adds an exact zero: a query's result does not depend on what else is in the
// call.
#include "base/simd.h"
#include "context/cost.h"
#include "formats/tiles.h"
#include "ops/attention/args.h"
#include "tensor/half_codes.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

constexpr int64_t kTile = 64;       // keys
constexpr int64_t kMostRows = 128;  // query rows (queries x heads of a group) of a block
constexpr float kNone = -__builtin_inff();

RIDGE_INLINE int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

struct Layout {   // of a thread's scratch, in bytes
  int64_t d, dv;  // padded
  int64_t q, k, v, scores, weights, products, sums, state, total;
};

RIDGE_INLINE Layout layout(const AttentionArgs& a) {
  Layout l;
  l.d = up(a.q.dim[2], kStep);
  l.dv = up(a.v.dim[2], 16);
  l.q = 0;
  l.k = l.q + kMostRows * l.d * 4;
  l.v = l.k + kTile * l.d * 4;
  l.scores = l.v + kTile * l.dv * 2;
  l.weights = l.scores + kMostRows * kTile * 4;
  l.products = l.weights + kMostRows * kTile * 2;
  l.sums = l.products + kMostRows * l.dv * 4;
  l.state = l.sums + kMostRows * l.dv * 4;
  l.total = l.state + 3 * kMostRows * 4;
  return l;
}

int64_t workspace(const void* p, int threads) {
  return layout(*static_cast<const AttentionArgs*>(p)).total * threads;
}

// bf16 codes of elements [c, c + 32) of the row of n elements that starts at element `at`; zeros beyond n.
RIDGE_INLINE __m512i codes_of(const View& t, int code, int64_t at, int64_t c, int64_t n) {
  const __mmask32 here = n - c >= 32 ? ~__mmask32{0} : (__mmask32{1} << (n - c)) - 1;
  const auto low = static_cast<__mmask16>(here), high = static_cast<__mmask16>(here >> 16);
  if (code == 0) {
    const float* p = static_cast<const float*>(t.data) + at + c;
    return rounded(_mm512_maskz_loadu_ps(low, p), _mm512_maskz_loadu_ps(high, p + 16));
  }
  const __m512i x = _mm512_maskz_loadu_epi16(here, static_cast<const uint16_t*>(t.data) + at + c);
  if (code != 1) return x;
  return rounded(_mm512_cvtph_ps(_mm512_castsi512_si256(x)),
                 _mm512_cvtph_ps(_mm512_extracti64x4_epi64(x, 1)));
}

// x = high + low, to 2^-17 of it.
struct Parts {
  __m512i high, low;
};
RIDGE_INLINE __m512 first_half(__m512i codes) {
  return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(codes)), 16);
}
RIDGE_INLINE __m512 second_half(__m512i codes) {
  return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(codes, 1)), 16);
}
RIDGE_INLINE Parts split(__m512 x0, __m512 x1) {
  Parts p;
  p.high = rounded(x0, x1);
  p.low = rounded(_mm512_sub_ps(x0, first_half(p.high)), _mm512_sub_ps(x1, second_half(p.high)));
  return p;
}

RIDGE_INLINE Parts key_parts(const View& t, int code, int64_t at, int64_t c, int64_t n) {
  const __mmask32 here = n - c >= 32 ? ~__mmask32{0} : (__mmask32{1} << (n - c)) - 1;
  if (code == 0) {
    const float* p = static_cast<const float*>(t.data) + at + c;
    return split(_mm512_maskz_loadu_ps(static_cast<__mmask16>(here), p),
                 _mm512_maskz_loadu_ps(static_cast<__mmask16>(here >> 16), p + 16));
  }
  const __m512i x = _mm512_maskz_loadu_epi16(here, static_cast<const uint16_t*>(t.data) + at + c);
  if (code == 2) return {x, _mm512_setzero_si512()};
  return split(_mm512_cvtph_ps(_mm512_castsi512_si256(x)), _mm512_cvtph_ps(_mm512_extracti64x4_epi64(x, 1)));
}

// Keys [first, first + keys) as tiles [step of d][16 keys][high, low]; keys that are not there are zeros.
void pack_keys(const AttentionArgs& a, int64_t first, int64_t keys, int64_t head, int64_t d, char* out) {
  const int code = half_code(a.k);
  for (int64_t c = 0; c < d; c += kStep)
    for (int64_t j0 = 0; j0 < kTile; j0 += 16, out += 2 * kTileBytes) {
      __m512i high[16], low[16];
      for (int i = 0; i < 16; ++i) {
        Parts p{_mm512_setzero_si512(), _mm512_setzero_si512()};
        if (j0 + i < keys)
          p = key_parts(a.k, code, (first + j0 + i) * a.k.stride[0] + head * a.k.stride[1], c, a.k.dim[2]);
        high[i] = p.high, low[i] = p.low;
      }
      transpose_words(high);
      for (int i = 0; i < 16; ++i) _mm512_storeu_si512(out + i * kLineBytes, high[i]);
      if (code == 2) continue;
      transpose_words(low);
      for (int i = 0; i < 16; ++i) _mm512_storeu_si512(out + kTileBytes + i * kLineBytes, low[i]);
    }
}

// Values as tiles [32 keys][16 columns], keys in pairs.
void pack_values(const AttentionArgs& a, int64_t first, int64_t keys, int64_t head, int64_t dv, char* out) {
  const int code = half_code(a.v);
  const int64_t groups = dv / 16;
  const auto row = [&](int64_t j, int64_t c) {
    return j < keys ? codes_of(a.v, code, (first + j) * a.v.stride[0] + head * a.v.stride[1], c, a.v.dim[2])
                    : _mm512_setzero_si512();
  };
  for (int64_t j = 0; j < kTile; j += 2) {
    char* const pair = out + j / 32 * groups * kTileBytes + j % 32 / 2 * kLineBytes;
    for (int64_t c = 0; c < dv; c += 32) {
      const __m512i x = row(j, c), y = row(j + 1, c);
      const auto both = [](__m256i first_key, __m256i second_key) {
        return _mm512_or_si512(_mm512_cvtepu16_epi32(first_key),
                               _mm512_slli_epi32(_mm512_cvtepu16_epi32(second_key), 16));
      };
      _mm512_storeu_si512(pair + c / 16 * kTileBytes,
                          both(_mm512_castsi512_si256(x), _mm512_castsi512_si256(y)));
      if (c + 16 < dv)
        _mm512_storeu_si512(pair + (c / 16 + 1) * kTileBytes,
                            both(_mm512_extracti64x4_epi64(x, 1), _mm512_extracti64x4_epi64(y, 1)));
    }
  }
}

#define RIDGE_SCORES(group)                               \
  _tile_loadd(6, k + 2 * group * kTileBytes, 64);         \
  _tile_dpbf16ps(group, 4, 6);                            \
  _tile_dpbf16ps(group, 5, 6);                            \
  if (!keys_in_one) {                                     \
    _tile_loadd(7, k + (2 * group + 1) * kTileBytes, 64); \
    _tile_dpbf16ps(group, 4, 7);                          \
  }

// Scores of 16 rows of queries, parts of which lie one after the other, with the keys of a tile.
RIDGE_INLINE void scores_of(const char* q, int64_t d, const char* k, bool keys_in_one, float* out) {
  const auto stride = static_cast<size_t>(d) * 4;
  asm volatile("" ::: "memory");  // tile loads do not say that they read memory
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int64_t c = 0; c < d; c += kStep, k += 8 * kTileBytes) {
    _tile_loadd(4, q + c * 2, stride);
    _tile_loadd(5, q + (d + c) * 2, stride);
    RIDGE_SCORES(0)
    RIDGE_SCORES(1)
    RIDGE_SCORES(2)
    RIDGE_SCORES(3)
  }
  _tile_stored(0, out, kTile * 4);
  _tile_stored(1, out + 16, kTile * 4);
  _tile_stored(2, out + 32, kTile * 4);
  _tile_stored(3, out + 48, kTile * 4);
}

// out[16 rows][16 `groups` columns] = weights[16 rows][64 keys] times the values' tiles [32 keys][`all`
// groups], from the first of them; up to four groups.
RIDGE_INLINE void product_of(const char* weights, const char* v, int64_t all, int64_t groups, float* out,
                             int64_t out_stride) {
  const auto to = static_cast<size_t>(out_stride) * 4;
  asm volatile("" ::: "memory");  // tile loads do not say that they read memory
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int64_t s = 0; s < kTile / kStep; ++s, v += all * kTileBytes) {
    _tile_loadd(4, weights + s * kLineBytes, kTile * 2);
    _tile_loadd(5, v, 64);
    _tile_dpbf16ps(0, 4, 5);
    if (groups > 1) {
      _tile_loadd(6, v + kTileBytes, 64);
      _tile_dpbf16ps(1, 4, 6);
    }
    if (groups > 2) {
      _tile_loadd(7, v + 2 * kTileBytes, 64);
      _tile_dpbf16ps(2, 4, 7);
    }
    if (groups > 3) {
      _tile_loadd(5, v + 3 * kTileBytes, 64);
      _tile_dpbf16ps(3, 4, 5);
    }
  }
  _tile_stored(0, out, to);
  if (groups > 1) {
    _tile_stored(1, out + 16, to);
  }
  if (groups > 2) {
    _tile_stored(2, out + 32, to);
  }
  if (groups > 3) {
    _tile_stored(3, out + 48, to);
  }
}

// The weights of one row of scores, of which the keys in `seen` count. Returns the factor for what was
// accumulated before.
RIDGE_INLINE float weights_of(const float* s, char* weights, uint64_t seen, float softcap, float slope,
                              int64_t distance, float* m, float* l) {
  __m512 x[4];
  __m512 most = _mm512_set1_ps(kNone);
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    F32 v = load(s + 16 * i);
    if (softcap > 0) v = softcap * tanh(v * (1.0f / softcap));
    if (slope != 0) {
      const __m512i index =
          _mm512_add_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                           _mm512_set1_epi32(static_cast<int>(distance + 16 * i)));
      v = fma((F32)_mm512_cvtepi32_ps(index), set1(slope), v);
    }
    x[i] = _mm512_mask_blend_ps(static_cast<__mmask16>(seen >> 16 * i), _mm512_set1_ps(kNone), (__m512)v);
    most = _mm512_max_ps(most, x[i]);
  }
  const float before = *m, tile_most = _mm512_reduce_max_ps(most),
              now = tile_most > before ? tile_most : before;
  if (now == kNone) {
    _mm512_storeu_si512(weights, _mm512_setzero_si512());
    _mm512_storeu_si512(weights + kLineBytes, _mm512_setzero_si512());
    return 1;
  }
  F32 e[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) e[i] = exp((F32)x[i] - now);
  _mm512_storeu_si512(weights, rounded((__m512)e[0], (__m512)e[1]));
  _mm512_storeu_si512(weights + kLineBytes, rounded((__m512)e[2], (__m512)e[3]));
  const float alpha = before == now ? 1.0f : before == kNone ? 0.0f : exp(set1(before - now))[0];
  *l = *l * alpha + reduce_add((e[0] + e[1]) + (e[2] + e[3]));
  *m = now;
  return alpha;
}

// Which keys of a tile are in [from, to).
RIDGE_INLINE uint64_t seen_keys(int64_t tile, int64_t from, int64_t to) {
  const int64_t low = from - tile, high = to - tile;
  if (high <= 0 || low >= kTile) return 0;
  const uint64_t before_end = high >= kTile ? ~uint64_t{0} : (uint64_t{1} << high) - 1;
  return low <= 0 ? before_end : before_end & ~((uint64_t{1} << low) - 1);
}

// Rows of queries, scaled: high parts, then low ones. The rest of the last 16 rows are zeros.
void pack_queries(const AttentionArgs& a, const AttentionSegment& g, int64_t head, int64_t begin,
                  int64_t rows, int64_t d, char* out) {
  const int64_t group = a.q.dim[1] / a.k.dim[1], n = a.q.dim[2];
  const __m512 scale = _mm512_set1_ps(a.scale);
  for (int64_t r = 0; r < up(rows, 16); ++r) {
    const int64_t row = r < rows ? r : 0;
    const float* from = static_cast<const float*>(a.q.data) +
                        (g.q_begin + begin + row / group) * a.q.stride[0] +
                        (head * group + row % group) * a.q.stride[1];
    for (int64_t c = 0; c < d; c += kStep) {
      const __mmask32 here = r >= rows ? 0 : n - c >= 32 ? ~__mmask32{0} : (__mmask32{1} << (n - c)) - 1;
      const __m512 x0 = _mm512_maskz_loadu_ps(static_cast<__mmask16>(here), from + c),
                   x1 = _mm512_maskz_loadu_ps(static_cast<__mmask16>(here >> 16), from + c + 16);
      const Parts p = split(_mm512_mul_ps(x0, scale), _mm512_mul_ps(x1, scale));
      _mm512_storeu_si512(out + (2 * r * d + c) * 2, p.high);
      _mm512_storeu_si512(out + ((2 * r + 1) * d + c) * 2, p.low);
    }
  }
}

// Queries [begin, end) of a segment, heads of KV head `head`.
void block(const AttentionArgs& a, const AttentionSegment& g, int64_t head, int64_t begin, int64_t end,
           char* scratch) {
  const Layout l = layout(a);
  const int64_t group = a.q.dim[1] / a.k.dim[1], rows = (end - begin) * group, all = up(rows, 16);
  char *q = scratch + l.q, *k = scratch + l.k, *v = scratch + l.v, *weights = scratch + l.weights;
  auto* const scores = reinterpret_cast<float*>(scratch + l.scores);
  auto* const products = reinterpret_cast<float*>(scratch + l.products);
  auto* const sums = reinterpret_cast<float*>(scratch + l.sums);
  auto* const m = reinterpret_cast<float*>(scratch + l.state);
  float *const total = m + kMostRows, *const alpha = total + kMostRows;
  int64_t first, last, unused;
  visible_keys(a, g, begin, &first, &unused);
  visible_keys(a, g, end - 1, &unused, &last);
  pack_queries(a, g, head, begin, rows, l.d, q);
  for (int64_t r = 0; r < rows; ++r) m[r] = kNone, total[r] = 0;
  for (int64_t i = 0; i < rows * l.dv; i += 16) store(sums + i, F32{});
  for (int64_t r = rows; r < all; ++r)
    for (int64_t i = 0; i < 2; ++i)
      _mm512_storeu_si512(weights + (2 * r + i) * kLineBytes, _mm512_setzero_si512());
  for (int64_t tile = first / kTile * kTile; tile < last; tile += kTile) {
    const int64_t keys = last - tile < kTile ? last - tile : kTile;
    pack_keys(a, g.kv_begin + tile, keys, head, l.d, k);
    for (int64_t r = 0; r < all; r += 16)
      scores_of(q + r * l.d * 4, l.d, k, half_code(a.k) == 2, scores + r * kTile);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t i = begin + r / group, h = head * group + r % group;
      int64_t from, to;
      visible_keys(a, g, i, &from, &to);
      const float slope = a.slopes.data ? static_cast<const float*>(a.slopes.data)[h] : 0.0f;
      alpha[r] = weights_of(scores + r * kTile, weights + 2 * r * kLineBytes, seen_keys(tile, from, to),
                            a.softcap, slope, tile - (g.kv_len - g.q_len + i), m + r, total + r);
    }
    pack_values(a, g.kv_begin + tile, keys, head, l.dv, v);
    for (int64_t r = 0; r < all; r += 16)
      for (int64_t c = 0; c < l.dv; c += 64)
        product_of(weights + 2 * r * kLineBytes, v + c / 16 * kTileBytes, l.dv / 16, (l.dv - c) / 16,
                   products + r * l.dv + c, l.dv);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = r * l.dv; c < (r + 1) * l.dv; c += 16)
        store(sums + c, fma(load(sums + c), set1(alpha[r]), load(products + c)));
  }
  for (int64_t r = 0; r < rows; ++r) {
    float* y = static_cast<float*>(a.y.data) + (g.q_begin + begin + r / group) * a.y.stride[0] +
               (head * group + r % group) * a.y.stride[1];
    const float inverse = total[r] > 0 ? 1.0f / total[r] : total[r];  // NaN stays NaN
    for (int64_t c = 0; c < a.v.dim[2]; ++c) y[c] = sums[r * l.dv + c] * inverse;
  }
}

void zero_uncovered(const AttentionArgs& a) {
  int64_t covered = 0;
  for (int64_t s = 0; s < a.segment_count; ++s) covered += a.segments[s].q_len;
  if (covered == a.y.dim[0]) return;
  for (int64_t t = 0; t < a.y.dim[0]; ++t)
    for (int64_t i = 0; i < a.y.dim[1] * a.y.dim[2]; ++i)
      static_cast<float*>(a.y.data)[t * a.y.stride[0] + i] = 0;
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const AttentionArgs*>(p);
  const int64_t kv_heads = a.k.dim[1], queries = kMostRows / (a.q.dim[1] / kv_heads), total = layout(a).total;
  zero_uncovered(a);
  int64_t units = 0;
  for (int64_t s = 0; s < a.segment_count; ++s) units += (a.segments[s].q_len + queries - 1) / queries;
  // The last blocks of a causal prompt cost most: they are claimed first.
  for_each_chunk(exec, units * kv_heads, 1, [&](int64_t from, int64_t to, int thread) {
    configure_tiles();
    for (int64_t unit = from; unit < to; ++unit) {
      int64_t n = units - 1 - unit / kv_heads, s = 0;
      for (;; ++s) {
        const int64_t blocks = (a.segments[s].q_len + queries - 1) / queries;
        if (n < blocks) break;
        n -= blocks;
      }
      const AttentionSegment& g = a.segments[s];
      const int64_t begin = n * queries, end = begin + queries < g.q_len ? begin + queries : g.q_len;
      block(a, g, unit % kv_heads, begin, end, static_cast<char*>(exec.workspace) + thread * total);
    }
    _tile_release();
  });
}

const char* accepts(const void* p) {
  const auto& a = *static_cast<const AttentionArgs*>(p);
  if (a.generating) return "the pass generates: tiles pay for prompts only";
  if (half_code(a.k) < 0 || half_code(a.v) < 0) return "keys and values in f32, f16 or bf16 only";
  if (a.relative.data || a.relative.rank > 0) return "a bias by relative position";
  if (a.k.stride[2] != 1 || a.v.stride[2] != 1 || a.q.stride[2] != 1) return "strided head dimension";
  if (a.q.dim[2] > 1024 || a.v.dim[2] > 1024 || a.q.dim[2] == 0 || a.v.dim[2] == 0)
    return "head dimensions of 1 to 1024 only";
  if (a.q.dim[1] / a.k.dim[1] > kMostRows) return "more than 128 heads a KV head";
  return nullptr;
}

void refine(const void*, Cost& cost) { cost.rate = Rate::bf16; }

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{
    "attention",
    "flash." RIDGE_ISA_NAME,
    kDeviceCpu,
    RIDGE_LEVEL_FEATURES,
    RIDGE_LEVEL_RANK,
    Rounding::bf16_activation,
    RIDGE_ISA_NS::accepts,
    RIDGE_ISA_NS::workspace,
    RIDGE_ISA_NS::run,
    RIDGE_ISA_NS::refine,
    "Dao et al. 2022 (FlashAttention), Milakov and Gimelshein 2018 (online softmax)"};
}  // namespace tables
}  // namespace ridge
