// The recurrences of delta_rule.h a chunk of tokens at a time, as products of small matrices (Yang et al.
// 2024, "Parallelizing Linear Transformers with the Delta Rule"; Yang et al. 2025, "Gated Delta Networks";
// Peng et al. 2025, RWKV-7, appendix: the UT form).
//
// With S before the chunk and G_t the product of the decays up to token t, what token t reads is
//   x_t = (x G_t)^T S + sum over s before t of ((x_t G_t) . (y_s / G_s)) z_s
// for (x, y, z) the pairs (reader, key, value) and, where tokens correct what S holds, (reader, correction,
// u), where the u themselves are such sums: a unit lower triangular system, solved forwards.
//
// Safety of the decays. One decay a token (gated_delta): scores are formed first and then multiplied by
// e^(c_t - c_s), at most 1. A decay a channel: 1 / G_s is formed, relative to the chunk's first token, whose
// own decay multiplies S only; a chunk ends early, at the token that would bring the smallest G below 1e-24,
// so nothing overflows whatever the decays are; in the worst case (a decay of 0 at each token) chunks have
// length 1.
#pragma once
#include "ops/delta_rule.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

constexpr int64_t kChunk = 16;         // tokens
constexpr float kLeastDecay = 1e-24f;  // of a channel over a chunk
#if defined(__AVX512F__)
constexpr int kTileRows = 8;
#else
constexpr int kTileRows = 4;
#endif

// Rows x (NV vectors) of c (+)= a b; a's element (i, k) lies at a[i * ai + k * ak].
template <int MR, int NV>
RIDGE_INLINE void product_tile(const float* a, int64_t ai, int64_t ak, const float* b, int64_t ldb, float* c,
                               int64_t ldc, int64_t inner, bool add) {
  F32 sum[MR][NV];
  for (int i = 0; i < MR; ++i)
    for (int j = 0; j < NV; ++j) sum[i][j] = add ? load(c + i * ldc + j * kLanes) : F32{};
  for (int64_t k = 0; k < inner; ++k) {
    F32 v[NV];
    for (int j = 0; j < NV; ++j) v[j] = load(b + k * ldb + j * kLanes);
    for (int i = 0; i < MR; ++i) {
      const F32 x = set1(a[i * ai + k * ak]);
      for (int j = 0; j < NV; ++j) sum[i][j] = fma(x, v[j], sum[i][j]);
    }
  }
  for (int i = 0; i < MR; ++i)
    for (int j = 0; j < NV; ++j) store(c + i * ldc + j * kLanes, sum[i][j]);
}

// rows a multiple of kTileRows, columns of kLanes.
RIDGE_INLINE void product(const float* a, int64_t ai, int64_t ak, const float* b, int64_t ldb, float* c,
                          int64_t ldc, int64_t rows, int64_t columns, int64_t inner, bool add) {
  for (int64_t j = 0; j < columns;) {
    const bool two = columns - j >= 2 * kLanes;
    for (int64_t i = 0; i < rows; i += kTileRows)
      if (two)
        product_tile<kTileRows, 2>(a + i * ai, ai, ak, b + j, ldb, c + i * ldc + j, ldc, inner, add);
      else
        product_tile<kTileRows, 1>(a + i * ai, ai, ak, b + j, ldb, c + i * ldc + j, ldc, inner, add);
    j += two ? 2 * kLanes : kLanes;
  }
}

// Readers are rows of `left`, first those whose result is a correction (A), then the outputs (R); keys are
// rows of `right`, first the corrections' (B, where they are not the keys themselves), then K.
template <Rule rule>
struct Chunk {
  static constexpr bool corrects = rule != Rule::wkv6, apart = rule == Rule::wkv7;
  static constexpr bool scalar = rule == Rule::gated_delta;
  static constexpr int64_t left_rows = (corrects ? 2 : 1) * kChunk, right_rows = (apart ? 2 : 1) * kChunk;
  static constexpr int64_t first_r = left_rows - kChunk, first_k = right_rows - kChunk;

  int64_t dk, dkp, dv, dvp;
  float *S, *left, *right, *right_t, *P, *out, *values, *G, *first, *c_high, *c_low;

  static int64_t floats(int64_t dk, int64_t dv) {
    const int64_t dkp = round_up(round_up(dk, kTileRows), kLanes), dvp = round_up(dv, kLanes);
    return dkp * dvp + (left_rows + 2 * right_rows + kChunk + 1) * dkp + left_rows * right_rows +
           (left_rows + right_rows) * dvp + 3 * kChunk + kLanes;
  }
  void place(float* m, const HeadSequence& s) {
    dk = s.dk, dv = s.dv, dkp = round_up(round_up(dk, kTileRows), kLanes), dvp = round_up(dv, kLanes);
    S = m, m += dkp * dvp;
    left = m, m += left_rows * dkp;
    right = m, m += right_rows * dkp;
    right_t = m, m += right_rows * dkp;
    G = m, m += kChunk * dkp;
    first = m, m += dkp;
    P = m, m += left_rows * right_rows;
    out = m, m += left_rows * dvp;
    values = m, m += right_rows * dvp;
    c_high = m, m += kChunk;
    c_low = m;
  }

  // Decays of up to kChunk tokens from t0 on; returns how many the chunk has.
  int64_t decays(const HeadSequence& s, int64_t t0) {
    const int64_t most = s.length - t0 < kChunk ? s.length - t0 : kChunk;
    if constexpr (scalar) {
      double sum = 0;  // differences of sums: in double, kept as two floats
      for (int64_t t = 0; t < kChunk; ++t) {
        double g = t < most ? static_cast<double>(s.decay[(t0 + t) * s.decay_step]) : 0.0;
        if (g < -1e4) g = -1e4;
        sum += g;
        c_high[t] = static_cast<float>(sum);
        c_low[t] = static_cast<float>(sum - static_cast<double>(c_high[t]));
      }
      return most;
    }
    exponentials(s.decay + t0 * s.decay_step, first, dk);
    for (int64_t i = 0; i < dkp; ++i) G[i] = 1;
    for (int64_t t = 1; t < most; ++t) {
      const float* x = s.decay + (t0 + t) * s.decay_step;
      F32 least = set1(1);
      for (int64_t i = 0; i < dk; i += kLanes) {
        const F32 w = exp(dk - i >= kLanes ? load(x + i) : load_n(x + i, dk - i));
        const F32 g = load(G + (t - 1) * dkp + i) * w;
        store(G + t * dkp + i, g);
        least = min(least, g);
      }
      if (-reduce_max(-least) < kLeastDecay) return t;
    }
    return most;
  }

  void row(float* to, const float* x, const float* scale, float factor) const {
    for (int64_t i = 0; i < dk; i += kLanes) {
      F32 v = (dk - i >= kLanes ? load(x + i) : load_n(x + i, dk - i)) * factor;
      if (scale) v = v * load(scale + i);
      store(to + i, v);
    }
  }
  static void zero(float* p, int64_t n) {
    for (int64_t i = 0; i < n; ++i) p[i] = 0;
  }

  // Readers and keys of tokens [t0, t0 + n), scaled by their decays; rows up to `np` are zeros.
  void gather(const HeadSequence& s, int64_t t0, int64_t n, int64_t np) {
    for (int64_t t = 0; t < n; ++t) {
      const float *r = s.r + (t0 + t) * s.r_step, *k = s.k + (t0 + t) * s.k_step;
      float* key = right + (first_k + t) * dkp;
      if constexpr (scalar) {
        const float beta = s.beta[(t0 + t) * s.beta_step];
        row(left + t * dkp, k, nullptr, -beta);
        row(left + (first_r + t) * dkp, r, nullptr, 1);
        row(key, k, nullptr, 1);
      } else {
        const float *now = G + t * dkp, *before = t > 0 ? now - dkp : now;
        row(left + (first_r + t) * dkp, r, rule == Rule::wkv6 ? before : now, 1);
        for (int64_t i = 0; i < dk; i += kLanes) {
          const F32 inverse = 1.0f / load(now + i);
          store(key + i, (dk - i >= kLanes ? load(k + i) : load_n(k + i, dk - i)) * inverse);
          if constexpr (apart) {
            const float *kappa = s.kappa + (t0 + t) * s.kappa_step, *rate = s.rate + (t0 + t) * s.rate_step;
            const F32 x = dk - i >= kLanes ? load(kappa + i) : load_n(kappa + i, dk - i);
            const F32 a = dk - i >= kLanes ? load(rate + i) : load_n(rate + i, dk - i);
            store(left + t * dkp + i, x * load(before + i));
            store(right + t * dkp + i, -(x * a) * inverse);
          }
        }
      }
      const float* v = s.v + (t0 + t) * s.v_step;
      float* z = values + (first_k + t) * dvp;
      const float factor = scalar ? s.beta[(t0 + t) * s.beta_step] : 1;
      for (int64_t j = 0; j < dv; ++j) z[j] = v[j] * factor;
      for (int64_t j = dv; j < dvp; ++j) z[j] = 0;
    }
    for (int64_t f = 0; f < left_rows; f += kChunk) zero(left + (f + n) * dkp, (np - n) * dkp);
    for (int64_t f = 0; f < right_rows; f += kChunk) zero(values + (f + n) * dvp, (np - n) * dvp);
    for (int64_t f = 0; f < right_rows; f += kChunk)
      for (int64_t t = 0; t < kChunk; ++t)
        for (int64_t i = 0; i < dk; ++i)
          right_t[i * right_rows + f + t] = t < n ? right[(f + t) * dkp + i] : 0;
  }

  // What readers find in S: `out`. The first token of those that read before their own decay does so here.
  void read_state(int64_t np) {
    constexpr int64_t strict = rule == Rule::wkv6 ? first_r : 0;
    float* row0 = out + strict * dvp;
    if constexpr (!scalar) {
      zero(row0, dvp);
      for (int64_t i = 0; i < dk; ++i) {
        const F32 x = set1(left[strict * dkp + i]);
        for (int64_t j = 0; j < dvp; j += kLanes)
          store(row0 + j, fma(x, load(S + i * dvp + j), load(row0 + j)));
      }
      for (int64_t i = 0; i < dk; ++i)
        for (int64_t j = 0; j < dvp; j += kLanes) store(S + i * dvp + j, load(S + i * dvp + j) * first[i]);
      zero(left + strict * dkp, dkp);
    }
    for (int64_t f = 0; f < left_rows; f += kChunk) {
      // Row 0 of the strict ones is done: its reader is zeros now, and the product adds to it.
      const bool keep = !scalar && f == strict;
      if (keep) zero(out + (f + 1) * dvp, (np - 1) * dvp);
      product(left + f * dkp, dkp, 1, S, dvp, out + f * dvp, dvp, np, dvp, dk, keep);
    }
    if constexpr (scalar)
      for (int64_t f = 0; f < left_rows; f += kChunk)
        for (int64_t t = 0; t < np; ++t) {
          const F32 g = exp(set1(c_high[t] + c_low[t]));
          for (int64_t j = 0; j < dvp; j += kLanes)
            store(out + (f + t) * dvp + j, load(out + (f + t) * dvp + j) * g);
        }
  }

  // P[reader][key], zero where the key is not before the reader (outputs of the correcting rules see their
  // own).
  void scores(int64_t np) {
    for (int64_t l = 0; l < left_rows; l += kChunk)
      for (int64_t i0 = 0; i0 < np; i0 += kTileRows) {
        const int64_t seen = i0 + kTileRows, columns = round_up(seen, kLanes);
        const bool own = corrects && l == first_r;
        for (int64_t f = 0; f < right_rows; f += kChunk) {
          float* p = P + (l + i0) * right_rows + f;
          product(left + (l + i0) * dkp, dkp, 1, right_t + f, right_rows, p, right_rows, kTileRows, columns,
                  dk, false);
          for (int64_t i = 0; i < kTileRows; ++i) {
            float* q = p + i * right_rows;
            if constexpr (scalar)
              for (int64_t j = 0; j < seen; j += kLanes) {
                const int64_t m = kChunk - j < kLanes ? kChunk - j : kLanes;
                const F32 h = m < kLanes ? load_n(c_high + j, m) : load(c_high + j),
                          o = m < kLanes ? load_n(c_low + j, m) : load(c_low + j);
                const F32 g = (c_high[i0 + i] - h) + (c_low[i0 + i] - o);
                store(q + j, load(q + j) * exp(min(g, F32{})));
              }
            zero(q + i0 + i + (own ? 1 : 0), kTileRows - i - (own ? 1 : 0));
          }
        }
      }
  }

  // The corrections: rows [0, n) of `values`.
  void solve(int64_t np) {
    for (int64_t i0 = 0; i0 < np; i0 += kTileRows) {
      float* u = values + i0 * dvp;
      const float* p = P + i0 * right_rows;
      for (int64_t j = 0; j < kTileRows * dvp; j += kLanes) {
        const F32 x = load(out + i0 * dvp + j);
        store(u + j, apart ? x : x + load(u + j));
      }
      if constexpr (apart)
        product(p + first_k, right_rows, 1, values + first_k * dvp, dvp, u, dvp, kTileRows, dvp,
                i0 + kTileRows, true);
      product(p, right_rows, 1, values, dvp, u, dvp, kTileRows, dvp, i0, true);
      for (int64_t i = 1; i < kTileRows; ++i)
        for (int64_t b = 0; b < i; ++b) {
          const F32 x = set1(p[i * right_rows + i0 + b]);
          for (int64_t j = 0; j < dvp; j += kLanes)
            store(u + i * dvp + j, fma(x, load(u + b * dvp + j), load(u + i * dvp + j)));
        }
    }
  }

  void write(const HeadSequence& s, int64_t t0, int64_t n, int64_t np) {
    for (int64_t i0 = 0; i0 < np; i0 += kTileRows)
      for (int64_t f = 0; f < right_rows; f += kChunk)
        product(P + (first_r + i0) * right_rows + f, right_rows, 1, values + f * dvp, dvp,
                out + (first_r + i0) * dvp, dvp, kTileRows, dvp, i0 + kTileRows, true);
    for (int64_t t = 0; t < n; ++t)
      for (int64_t j = 0; j < dv; ++j) s.o[(t0 + t) * s.o_step + j] = out[(first_r + t) * dvp + j];
  }

  void update(int64_t n) {
    if constexpr (scalar) {  // keys as they are: the values carry what decay is left to the chunk's end
      const float high = c_high[n - 1], low = c_low[n - 1];
      for (int64_t t = 0; t < n; ++t) {
        const F32 g = exp(set1((high - c_high[t]) + (low - c_low[t])));
        for (int64_t j = 0; j < dvp; j += kLanes) store(values + t * dvp + j, load(values + t * dvp + j) * g);
      }
      const F32 all = exp(set1(high + low));
      for (int64_t j = 0; j < dk * dvp; j += kLanes) store(S + j, load(S + j) * all);
    }
    const int64_t rows = round_up(dk, kTileRows);
    for (int64_t f = 0; f < right_rows; f += kChunk)
      product(right + f * dkp, 1, dkp, values + f * dvp, dvp, S, dvp, rows, dvp, n, true);
    if constexpr (!scalar)
      for (int64_t i = 0; i < dk; ++i) {
        const F32 g = set1(G[(n - 1) * dkp + i]);
        for (int64_t j = 0; j < dvp; j += kLanes) store(S + i * dvp + j, load(S + i * dvp + j) * g);
      }
  }

  void run(const HeadSequence& s, float* scratch) {
    place(scratch, s);
    zero(S, dkp * dvp);
    zero(right, right_rows * dkp);
    zero(left, left_rows * dkp);
    zero(values, right_rows * dvp);
    zero(P, left_rows * right_rows);
    for (int64_t i = 0; s.state && i < dk; ++i)
      for (int64_t j = 0; j < dv; ++j) S[i * dvp + j] = s.state[i * dv + j];
    for (int64_t t = 0; t < s.length;) {
      const int64_t n = decays(s, t), np = round_up(n, kTileRows);
      gather(s, t, n, np);
      read_state(np);
      scores(np);
      if constexpr (corrects) solve(np);
      write(s, t, n, np);
      update(n);
      t += n;
    }
    for (int64_t i = 0; s.state && i < dk; ++i)
      for (int64_t j = 0; j < dv; ++j) s.state[i * dv + j] = S[i * dvp + j];
  }
};

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge
