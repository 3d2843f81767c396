// The recurrences of RWKV-5/6, RWKV-7 and the gated delta net, which differ in how a token changes the matrix
// S [dk, dv] that a head remembers (w, alpha: decays; o: output):
//   wkv6         o = r^T S;                          S' = diag(w) S + k v^T
//   wkv7         S' = diag(w) S - (kappa * rate) (kappa^T S) + k v^T;   o = r^T S'
//   gated_delta  S' = alpha S + beta k (v - alpha k^T S)^T;             o = r^T S'
// Here: one token after the other, with the columns of S in registers' lanes. A panel of columns goes through
// all tokens before the next: it stays in the nearest cache. For kernel files only.
#pragma once
#include "base/simd.h"
#include "context/kernel.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

enum class Rule { wkv6, wkv7, gated_delta };

// One head of one sequence. Steps are from token to token, in elements.
struct HeadSequence {
  int64_t length, dk, dv;
  const float *r, *k, *v;
  int64_t r_step, k_step, v_step;
  const float* decay;  // logarithms: [dk] a token, of gated_delta one
  int64_t decay_step;
  const float *kappa, *rate;  // wkv7: [dk]
  int64_t kappa_step, rate_step;
  const float* beta;  // gated_delta: one a token
  int64_t beta_step;
  float* o;
  int64_t o_step;
  float* state;  // [dk, dv], or null: it begins with zeros and is not kept
};

RIDGE_ALWAYS int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// e^x for n values; `out` has room for whole vectors.
RIDGE_INLINE void exponentials(const float* x, float* out, int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes)
    store(out + i, exp(n - i >= kLanes ? load(x + i) : load_n(x + i, n - i)));
}

constexpr int kPanelVectors = 4;
RIDGE_ALWAYS int64_t serial_floats(int64_t dk) {
  return dk * kPanelVectors * kLanes + 2 * round_up(dk, kLanes);
}

// NV vectors of columns, `n` of them real, from column c0 on.
template <Rule rule, int NV>
RIDGE_INLINE void serial_panel(const HeadSequence& s, float* scratch, int64_t c0, int64_t n) {
  constexpr int64_t width = NV * kLanes;
  float* S = scratch;
  float* w = S + s.dk * width;
  float* b = w + round_up(s.dk, kLanes);
  for (int64_t i = 0; i < s.dk; ++i)
    for (int64_t j = 0; j < width; ++j) S[i * width + j] = s.state && j < n ? s.state[i * s.dv + c0 + j] : 0;
  for (int64_t t = 0; t < s.length; ++t) {
    const float *r = s.r + t * s.r_step, *k = s.k + t * s.k_step;
    float padded[width];
    for (int64_t j = 0; j < width; ++j) padded[j] = j < n ? s.v[t * s.v_step + c0 + j] : 0;
    F32 v[NV], o[NV] = {}, held[NV] = {};
    for (int j = 0; j < NV; ++j) v[j] = load(padded + j * kLanes);
    float alpha = 1;
    if constexpr (rule == Rule::gated_delta) {
      float one[kLanes];
      store(one, exp(set1(s.decay[t * s.decay_step])));
      alpha = one[0];
    } else {
      exponentials(s.decay + t * s.decay_step, w, s.dk);
    }
    if constexpr (rule == Rule::wkv7) {
      const float *kappa = s.kappa + t * s.kappa_step, *rate = s.rate + t * s.rate_step;
      for (int64_t i = 0; i < s.dk; ++i) b[i] = -kappa[i] * rate[i];
    }
    if constexpr (rule != Rule::wkv6) {  // what S holds for this key
      const float* key = rule == Rule::wkv7 ? s.kappa + t * s.kappa_step : k;
      for (int64_t i = 0; i < s.dk; ++i)
        for (int j = 0; j < NV; ++j) held[j] = fma(set1(key[i]), load(S + i * width + j * kLanes), held[j]);
    }
    if constexpr (rule == Rule::gated_delta) {
      const float beta = s.beta[t * s.beta_step];
      for (int j = 0; j < NV; ++j) v[j] = (v[j] - held[j] * alpha) * beta;
    }
    for (int64_t i = 0; i < s.dk; ++i)
      for (int j = 0; j < NV; ++j) {
        float* at = S + i * width + j * kLanes;
        const F32 old = load(at);
        F32 x = fma(set1(k[i]), v[j], old * (rule == Rule::gated_delta ? alpha : w[i]));
        if constexpr (rule == Rule::wkv7) x = fma(set1(b[i]), held[j], x);
        store(at, x);
        o[j] = fma(set1(r[i]), rule == Rule::wkv6 ? old : x, o[j]);
      }
    for (int j = 0; j < NV; ++j) store(padded + j * kLanes, o[j]);
    for (int64_t j = 0; j < n; ++j) s.o[t * s.o_step + c0 + j] = padded[j];
  }
  if (!s.state) return;
  for (int64_t i = 0; i < s.dk; ++i)
    for (int64_t j = 0; j < n; ++j) s.state[i * s.dv + c0 + j] = S[i * width + j];
}

template <Rule rule>
void serial(const HeadSequence& s, float* scratch) {
  for (int64_t c0 = 0; c0 < s.dv;) {
    const int64_t left = s.dv - c0;
    if (left > 2 * kLanes) {
      const int64_t n = left < 4 * kLanes ? left : 4 * kLanes;
      serial_panel<rule, 4>(s, scratch, c0, n);
      c0 += n;
    } else if (left > kLanes) {
      serial_panel<rule, 2>(s, scratch, c0, left);
      c0 = s.dv;
    } else {
      serial_panel<rule, 1>(s, scratch, c0, left);
      c0 = s.dv;
    }
  }
}

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge
