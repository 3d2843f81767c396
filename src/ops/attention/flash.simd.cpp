// Tiled attention with online softmax (Milakov and Gimelshein 2018; Dao et al. 2022): keys and values pass
// through the cache once a block of queries, and no score matrix is ever in memory.
//
// A unit of work is one segment, one KV head and a block of its queries, all heads of the group together, so
// that each key is read once a group. Lanes are keys in the first product (the key tile is transposed once)
// and value columns in the second. Tiles start at multiples of kTile keys of the sequence, and a key that a
// query may not see gets weight 0, which changes no bit: so a query's result does not depend on which other
// queries or later keys are in the call.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/attention/args.h"
#include "tensor/half_codes.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

constexpr int64_t kTile = 64;      // keys
constexpr int64_t kMostRows = 48;  // query rows (queries x heads of a group) of a block
#if defined(__AVX512F__)
constexpr int kRows = 6, kVectors = 4;  // register tile
#elif defined(__AVX2__)
constexpr int kRows = 3, kVectors = 4;
#else
constexpr int kRows = 2, kVectors = 4;
#endif
constexpr float kNone = -__builtin_inff();

RIDGE_INLINE int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

struct Layout {  // of a thread's scratch, in floats
  int64_t d, dv, dvp, rows, q, kt, v, s, o, m, total;
};

RIDGE_INLINE Layout layout(const AttentionArgs& a) {
  Layout l;
  l.d = a.q.dim[2];
  l.dv = a.v.dim[2];
  l.dvp = up(l.dv, kLanes);
  const int64_t group = a.q.dim[1] / a.k.dim[1];
  l.rows = group > kMostRows ? group : kMostRows;
  l.q = 0;
  l.kt = l.q + up(l.rows * l.d, 16);
  l.v = l.kt + l.d * kTile;
  l.s = l.v + l.dvp * kTile;
  l.o = l.s + l.rows * kTile;
  l.m = l.o + l.rows * l.dvp;
  l.total = up(l.m + 2 * l.rows, 16);
  return l;
}

int64_t workspace(const void* p, int threads) {
  return layout(*static_cast<const AttentionArgs*>(p)).total * 4 * threads;
}

// n values of a real format to f32, zeros up to `padded`.
RIDGE_INLINE void to_f32(const View& t, int64_t at, int64_t n, int64_t padded, float* out) {
  int64_t i = 0;
  if (t.format == nullptr || t.rank < 0) return;
  const int code = half_code(t);
  if (code == 0) {
    const float* p = static_cast<const float*>(t.data) + at;
    for (; i + kLanes <= n; i += kLanes) store(out + i, load(p + i));
    for (; i < n; ++i) out[i] = p[i];
  } else {
    const uint16_t* p = static_cast<const uint16_t*>(t.data) + at;
    for (; i + kLanes <= n; i += kLanes) store(out + i, code == 1 ? load_f16(p + i) : load_bf16(p + i));
    if (i < n) {
      uint16_t rest[kLanes] = {};
      for (int64_t c = i; c < n; ++c) rest[c - i] = p[c];
      const F32 v = code == 1 ? load_f16(rest) : load_bf16(rest);
      for (int64_t c = i; c < n; ++c) out[c] = v[c - i];
    }
  }
  for (i = n; i < padded; ++i) out[i] = 0;
}

// kt[c][j] = k[j][c] for the keys of a tile; columns of keys that are not there are zero.
void transpose_keys(const AttentionArgs& a, int64_t first_key, int64_t keys, int64_t head, float* kt,
                    float* row) {
  const int64_t d = a.k.dim[2];
  for (int64_t j0 = 0; j0 < kTile; j0 += 16) {
    for (int64_t j = j0; j < j0 + 16; ++j) {
      float* r = row + (j - j0) * d;
      if (j < keys)
        to_f32(a.k, (first_key + j) * a.k.stride[0] + head * a.k.stride[1], d, d, r);
      else
        for (int64_t c = 0; c < d; ++c) r[c] = 0;
    }
    for (int64_t c = 0; c < d; ++c)
      for (int64_t j = 0; j < 16; ++j) kt[c * kTile + j0 + j] = row[j * d + c];
  }
}

// out[r][..] = sum over i of x[r][i] * y[i][..] for n rows, `columns` a multiple of the lanes; added to out
// where kAdd.
template <int kR, int kV, bool kAdd>
RIDGE_INLINE void product_tile(const float* x, int64_t x_stride, const float* y, int64_t y_stride,
                               int64_t inner, float* out, int64_t out_stride) {
  F32 acc[kR][kV];
#pragma GCC unroll 8
  for (int r = 0; r < kR; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kV; ++v) acc[r][v] = kAdd ? load(out + r * out_stride + v * kLanes) : F32{};
  for (int64_t i = 0; i < inner; ++i) {
    F32 b[kV];
#pragma GCC unroll 8
    for (int v = 0; v < kV; ++v) b[v] = load(y + i * y_stride + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kR; ++r) {
      const F32 s = set1(x[r * x_stride + i]);
#pragma GCC unroll 8
      for (int v = 0; v < kV; ++v) acc[r][v] = fma(s, b[v], acc[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kR; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kV; ++v) store(out + r * out_stride + v * kLanes, acc[r][v]);
}

template <int kV, bool kAdd>
RIDGE_INLINE void product_columns(const float* x, int64_t x_stride, const float* y, int64_t y_stride,
                                  int64_t n, int64_t inner, float* out, int64_t out_stride) {
  int64_t r = 0;
  for (; r + kRows <= n; r += kRows)
    product_tile<kRows, kV, kAdd>(x + r * x_stride, x_stride, y, y_stride, inner, out + r * out_stride,
                                  out_stride);
  for (; r < n; ++r)
    product_tile<1, kV, kAdd>(x + r * x_stride, x_stride, y, y_stride, inner, out + r * out_stride,
                              out_stride);
}

template <bool kAdd>
void product(const float* x, int64_t x_stride, const float* y, int64_t y_stride, int64_t n, int64_t inner,
             int64_t columns, float* out, int64_t out_stride) {
  int64_t c = 0;
  for (; c + kVectors * kLanes <= columns; c += kVectors * kLanes)
    product_columns<kVectors, kAdd>(x, x_stride, y + c, y_stride, n, inner, out + c, out_stride);
  for (; c < columns; c += kLanes)
    product_columns<1, kAdd>(x, x_stride, y + c, y_stride, n, inner, out + c, out_stride);
}

// The biases of kLanes keys, the first of them at `distance` from the query: a run of the head's row of the
// table, and its ends beyond the reach.
RIDGE_INLINE F32 relative_bias(const AttentionArgs& a, int64_t head, int64_t distance) {
  const int64_t width = a.relative.dim[1], column = width / 2 + distance;
  const float* row = static_cast<const float*>(a.relative.data) + head * width;
  if (column >= 0 && column + kLanes <= width) return load(row + column);
  if (column + kLanes <= 1) return set1(row[0]);
  if (column >= width - 1) return set1(row[width - 1]);
  F32 bias;
  for (int i = 0; i < kLanes; ++i) bias[i] = row[relative_column(a, distance + i)];
  return bias;
}

// One row of scores: cap, slope, mask; then weights in place. Returns the factor for what was accumulated
// before.
RIDGE_INLINE float weights_of(const AttentionArgs& a, float* s, int64_t head, int64_t tile, int64_t first,
                              int64_t end, int64_t position, float* m, float* l) {
  const float slope = a.slopes.data ? static_cast<const float*>(a.slopes.data)[head] : 0.0f;
  F32 most = set1(kNone);
  for (int64_t j = 0; j < kTile; j += kLanes) {
    F32 x = load(s + j);
    if (a.softcap > 0) x = a.softcap * tanh(x * (1.0f / a.softcap));
    I32 index;
    for (int i = 0; i < kLanes; ++i) index[i] = i;
    index += static_cast<int32_t>(tile + j);
    if (slope != 0)
      x = fma(__builtin_convertvector(index - static_cast<int32_t>(position), F32), set1(slope), x);
    if (a.relative.data) x += relative_bias(a, head, tile + j - position);
    if (first > tile || end < tile + kTile) {
      const I32 seen = (index >= static_cast<int32_t>(first)) & (index < static_cast<int32_t>(end));
      x = select(seen, x, set1(kNone));
    }
    store(s + j, x);
    most = max(most, x);
  }
  const float before = *m, now = reduce_max(most) > before ? reduce_max(most) : before;
  if (now == kNone) {
    for (int64_t j = 0; j < kTile; ++j) s[j] = 0;
    return 1;
  }
  F32 sum{};
  for (int64_t j = 0; j < kTile; j += kLanes) {
    const F32 w = exp(load(s + j) - now);
    store(s + j, w);
    sum += w;
  }
  const float alpha = before == now ? 1.0f : before == kNone ? 0.0f : exp(set1(before - now))[0];
  *l = *l * alpha + reduce_add(sum);
  *m = now;
  return alpha;
}

// Queries [begin, end) of a segment, heads of KV head `head`.
void block(const AttentionArgs& a, const AttentionSegment& g, int64_t head, int64_t begin, int64_t end,
           float* scratch) {
  const Layout l = layout(a);
  const int64_t group = a.q.dim[1] / a.k.dim[1], rows = (end - begin) * group;
  float *q = scratch + l.q, *kt = scratch + l.kt, *v = scratch + l.v, *s = scratch + l.s, *o = scratch + l.o,
        *m = scratch + l.m;
  float* sums = m + l.rows;
  int64_t first, last, unused;
  visible_keys(a, g, begin, &first, &unused);
  visible_keys(a, g, end - 1, &unused, &last);
  for (int64_t i = begin; i < end; ++i)
    for (int64_t h = 0; h < group; ++h) {
      const float* from = static_cast<const float*>(a.q.data) + (g.q_begin + i) * a.q.stride[0] +
                          (head * group + h) * a.q.stride[1];
      float* to = q + ((i - begin) * group + h) * l.d;
      for (int64_t c = 0; c < l.d; ++c) to[c] = from[c] * a.scale;
    }
  for (int64_t r = 0; r < rows; ++r) m[r] = kNone, sums[r] = 0;
  for (int64_t i = 0; i < rows * l.dvp; ++i) o[i] = 0;
  for (int64_t tile = first / kTile * kTile; tile < last; tile += kTile) {
    const int64_t keys = last - tile < kTile ? last - tile : kTile;
    transpose_keys(a, g.kv_begin + tile, keys, head, kt, v);  // v's room holds 16 rows of keys meanwhile
    product<false>(q, l.d, kt, kTile, rows, l.d, kTile, s, kTile);
    for (int64_t j = 0; j < kTile; ++j) {
      if (j < keys)
        to_f32(a.v, (g.kv_begin + tile + j) * a.v.stride[0] + head * a.v.stride[1], l.dv, l.dvp,
               v + j * l.dvp);
      else
        for (int64_t c = 0; c < l.dvp; ++c) v[j * l.dvp + c] = 0;
    }
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t i = begin + r / group;
      int64_t from, to;
      visible_keys(a, g, i, &from, &to);
      const float alpha = weights_of(a, s + r * kTile, head * group + r % group, tile, from, to,
                                     g.kv_len - g.q_len + i, m + r, sums + r);
      if (alpha != 1)
        for (int64_t c = 0; c < l.dvp; c += kLanes) store(o + r * l.dvp + c, load(o + r * l.dvp + c) * alpha);
    }
    product<true>(s, kTile, v, l.dvp, rows, kTile, l.dvp, o, l.dvp);
  }
  for (int64_t r = 0; r < rows; ++r) {
    float* y = static_cast<float*>(a.y.data) + (g.q_begin + begin + r / group) * a.y.stride[0] +
               (head * group + r % group) * a.y.stride[1];
    const float inverse = sums[r] > 0 ? 1.0f / sums[r] : 0.0f;
    for (int64_t c = 0; c < l.dv; ++c) y[c] = o[r * l.dvp + c] * inverse;
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
  const int64_t kv_heads = a.k.dim[1], group = a.q.dim[1] / kv_heads, total = layout(a).total;
  const int64_t queries = group >= kMostRows ? 1 : kMostRows / group;
  zero_uncovered(a);
  int64_t units = 0;
  for (int64_t s = 0; s < a.segment_count; ++s) units += (a.segments[s].q_len + queries - 1) / queries;
  // The last blocks of a causal prompt cost most: they are claimed first.
  for_each_chunk(exec, units * kv_heads, 1, [&](int64_t from, int64_t to, int thread) {
    for (int64_t unit = from; unit < to; ++unit) {
      int64_t n = units - 1 - unit / kv_heads, s = 0;
      for (;; ++s) {
        const int64_t blocks = (a.segments[s].q_len + queries - 1) / queries;
        if (n < blocks) break;
        n -= blocks;
      }
      const AttentionSegment& g = a.segments[s];
      const int64_t begin = n * queries, end = begin + queries < g.q_len ? begin + queries : g.q_len;
      block(a, g, unit % kv_heads, begin, end, static_cast<float*>(exec.workspace) + thread * total);
    }
  });
}

const char* accepts(const void* p) {
  const auto& a = *static_cast<const AttentionArgs*>(p);
  if (half_code(a.k) < 0 || half_code(a.v) < 0) return "keys and values in f32, f16 or bf16 only";
  if (a.k.stride[2] != 1 || a.v.stride[2] != 1 || a.q.stride[2] != 1) return "strided head dimension";
  if (a.q.dim[2] > 1024 || a.v.dim[2] > 1024 || a.q.dim[2] == 0 || a.v.dim[2] == 0)
    return "head dimensions of 1 to 1024 only";
  return nullptr;
}

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
    Rounding::f32,
    RIDGE_ISA_NS::accepts,
    RIDGE_ISA_NS::workspace,
    RIDGE_ISA_NS::run,
    nullptr,
    "Dao et al. 2022 (FlashAttention), Milakov and Gimelshein 2018 (online softmax)"};
}  // namespace tables
}  // namespace ridge
