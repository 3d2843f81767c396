// Online softmax over tiles of keys that are gathered (Dao et al. 2022 for the tiling): whichever ranges they
// come from, the keys that some query of the block sees are packed into tiles of kTile, and each remembers
// which queries see it. A block's tiles depend on its own pattern only, so its result does not depend on what
// else is in the call.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/sparse_attention/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

constexpr int64_t kTile = 64;      // keys
constexpr int64_t kMostRows = 64;  // queries taken together
constexpr int32_t kAll = 1 << 30;  // beyond any query's number
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
  int64_t d, dp, q, kt, v, s, o, m, low, high, keys, total;
};

RIDGE_INLINE Layout layout(const SparseAttentionArgs& a) {
  Layout l;
  l.d = a.q.dim[2];
  l.dp = up(l.d, kLanes);
  l.q = 0;
  l.kt = l.q + up(kMostRows * l.d, 16);
  l.v = l.kt + l.d * kTile;
  l.s = l.v + l.dp * kTile;
  l.o = l.s + kMostRows * kTile;
  l.m = l.o + kMostRows * l.dp;
  l.low = l.m + 2 * kMostRows;
  l.high = l.low + kTile;
  l.keys = l.high + kTile;
  l.total = up(l.keys + 2 * kTile, 16);
  return l;
}

int64_t workspace(const void* p, int threads) {
  return layout(*static_cast<const SparseAttentionArgs*>(p)).total * 4 * threads;
}

// Where a block's keys have been gathered to.
struct Position {
  int64_t range = 0, at = 0, end = -1;
};

// Fills a tile with the next keys that queries [first, last] of a block may see: their tokens, and which
// queries see each. Returns how many.
RIDGE_INLINE int64_t gather(const SparseAttentionArgs& a, const SparseBlock& b, int64_t first, int64_t last,
                            Position& p, int64_t* token, int32_t* low, int32_t* high) {
  int64_t n = 0;
  while (n < kTile && p.range < b.range_count) {
    const SparseRange& r = a.ranges[b.range_begin + p.range];
    if (p.end < 0) {
      int64_t unused;
      visible_keys(r, first, &p.at, &unused);
      visible_keys(r, last, &unused, &p.end);
    }
    for (; n < kTile && p.at < p.end; ++p.at) {
      const int64_t t = r.key + p.at * r.stride;
      if (r.skip_marked && a.marked && a.marked[t]) continue;
      token[n] = t;
      low[n] = r.before < 0 ? -kAll : static_cast<int32_t>(p.at - r.after);
      high[n] = r.before < 0 ? kAll : static_cast<int32_t>(p.at + r.before);
      ++n;
    }
    if (p.at >= p.end) ++p.range, p.end = -1;
  }
  for (int64_t i = n; i < kTile; ++i) low[i] = kAll, high[i] = -kAll;
  return n;
}

// kt[c][j] = k[j][c]; columns of keys that are not there are zero.
void transpose_keys(const SparseAttentionArgs& a, const int64_t* token, int64_t keys, int64_t head, float* kt,
                    float* row) {
  const int64_t d = a.k.dim[2];
  const float* k = static_cast<const float*>(a.k.data) + head * a.k.stride[1];
  for (int64_t j0 = 0; j0 < kTile; j0 += 16) {
    for (int64_t j = j0; j < j0 + 16; ++j) {
      float* r = row + (j - j0) * d;
      for (int64_t c = 0; c < d; ++c) r[c] = j < keys ? k[token[j] * a.k.stride[0] + c] : 0.0f;
    }
    for (int64_t c = 0; c < d; ++c)
      for (int64_t j = 0; j < 16; ++j) kt[c * kTile + j0 + j] = row[j * d + c];
  }
}

// out[r][..] = sum over i of x[r][i] * y[i][..], added to out where kAdd.
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

// One row of scores becomes weights in place. Returns the factor for what was accumulated before.
RIDGE_INLINE float weights_of(float* s, const int32_t* low, const int32_t* high, int32_t query, float* m,
                              float* l) {
  F32 most = set1(kNone);
  for (int64_t j = 0; j < kTile; j += kLanes) {
    I32 from, to;
    __builtin_memcpy(&from, low + j, sizeof from);
    __builtin_memcpy(&to, high + j, sizeof to);
    const F32 x = select((from <= query) & (to >= query), load(s + j), set1(kNone));
    store(s + j, x);
    most = max(most, x);
  }
  const float before = *m, tile = reduce_max(most), now = tile > before ? tile : before;
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

void gather_values(const SparseAttentionArgs& a, const int64_t* token, int64_t keys, int64_t head,
                   const Layout& l, float* v) {
  const float* from = static_cast<const float*>(a.v.data) + head * a.v.stride[1];
  for (int64_t j = 0; j < kTile; ++j) {
    const float* row = from + (j < keys ? token[j] : 0) * a.v.stride[0];
    for (int64_t c = 0; c < l.d; ++c) v[j * l.dp + c] = j < keys ? row[c] : 0.0f;
    for (int64_t c = l.d; c < l.dp; ++c) v[j * l.dp + c] = 0;
  }
}

// Queries [begin, begin + rows) of a block, one head.
void queries(const SparseAttentionArgs& a, const SparseBlock& b, int64_t head, int64_t begin, int64_t rows,
             float* scratch) {
  const Layout l = layout(a);
  float *q = scratch + l.q, *kt = scratch + l.kt, *v = scratch + l.v, *s = scratch + l.s, *o = scratch + l.o,
        *m = scratch + l.m, *sums = m + kMostRows;
  auto* low = reinterpret_cast<int32_t*>(scratch + l.low);
  auto* high = reinterpret_cast<int32_t*>(scratch + l.high);
  auto* token = reinterpret_cast<int64_t*>(scratch + l.keys);
  for (int64_t r = 0; r < rows; ++r) {
    const float* from = static_cast<const float*>(a.q.data) +
                        (b.query + (begin + r) * b.stride) * a.q.stride[0] + head * a.q.stride[1];
    for (int64_t c = 0; c < l.d; ++c) q[r * l.d + c] = from[c] * a.scale;
    m[r] = kNone, sums[r] = 0;
  }
  for (int64_t i = 0; i < rows * l.dp; ++i) o[i] = 0;
  const int64_t first = b.index + begin;
  Position position;
  while (const int64_t keys = gather(a, b, first, first + rows - 1, position, token, low, high)) {
    transpose_keys(a, token, keys, head, kt, v);  // v's room holds 16 rows of keys meanwhile
    product<false>(q, l.d, kt, kTile, rows, l.d, kTile, s, kTile);
    gather_values(a, token, keys, head, l, v);
    for (int64_t r = 0; r < rows; ++r) {
      const float alpha =
          weights_of(s + r * kTile, low, high, static_cast<int32_t>(first + r), m + r, sums + r);
      if (alpha != 1)
        for (int64_t c = 0; c < l.dp; c += kLanes) store(o + r * l.dp + c, load(o + r * l.dp + c) * alpha);
    }
    product<true>(s, kTile, v, l.dp, rows, kTile, l.dp, o, l.dp);
  }
  for (int64_t r = 0; r < rows; ++r) {
    float* y = static_cast<float*>(a.y.data) + (b.query + (begin + r) * b.stride) * a.y.stride[0] +
               head * a.y.stride[1];
    const float inverse = sums[r] > 0 ? 1.0f / sums[r] : 0.0f;
    for (int64_t c = 0; c < l.d; ++c) y[c] = o[r * l.dp + c] * inverse;
  }
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const SparseAttentionArgs*>(p);
  const int64_t heads = a.q.dim[1], total = layout(a).total;
  int64_t covered = 0;
  for (int64_t n = 0; n < a.block_count; ++n)
    if (a.blocks[n].head < 0) covered += a.blocks[n].count;
  if (covered != a.y.dim[0])
    for (int64_t i = 0; i < a.y.dim[0] * a.y.stride[0]; ++i) static_cast<float*>(a.y.data)[i] = 0;
  for_each_chunk(exec, a.block_count * heads, 1, [&](int64_t from, int64_t to, int thread) {
    for (int64_t unit = from; unit < to; ++unit) {
      const SparseBlock& b = a.blocks[unit / heads];
      const int64_t head = unit % heads;
      if (b.head >= 0 && b.head != head) continue;
      for (int64_t at = 0; at < b.count; at += kMostRows)
        queries(a, b, head, at, b.count - at < kMostRows ? b.count - at : kMostRows,
                static_cast<float*>(exec.workspace) + thread * total);
    }
  });
}

const char* accepts(const void* p) {
  const auto& a = *static_cast<const SparseAttentionArgs*>(p);
  if (a.q.dim[2] < 1 || a.q.dim[2] > 1024) return "head dimensions of 1 to 1024 only";
  return a.q.dim[0] >= kAll / 2 ? "fewer than 2^29 tokens only" : nullptr;
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"sparse_attention",
                                 "tiles." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,
                                 Rounding::f32,
                                 RIDGE_ISA_NS::accepts,
                                 RIDGE_ISA_NS::workspace,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "Beltagy et al. 2020, Zaheer et al. 2020; tiles of Dao et al. 2022"};
}  // namespace tables
}  // namespace ridge
