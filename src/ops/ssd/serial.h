// The recurrence a token at a time, a vector of p at a time: for short sequences, and as the rung below the
// chunked algorithm. For files compiled for an instruction set of their own only.
#pragma once
#include "ops/decay.h"
#include "ops/ssd/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

// Time steps and decays are made for as many tokens at a time.
constexpr int64_t kChunk = 64;
struct alignas(64) Steps {
  float delta[kChunk], decay[kChunk];
};

// Of tokens [first, first + count) of head h, count <= kChunk; beyond them delta is 0 and the decay 1.
RIDGE_INLINE void make_steps(const SsdArgs& s, int64_t h, int64_t first, int64_t count, Steps& steps) {
  const float bias = s.dt_bias.data ? ssd_row(s.dt_bias, 0)[h] : 0;
  const F32 a2 = -exp(set1(ssd_row(s.a_log, 0)[h])) * kLog2e;
  for (int64_t t = 0; t < count; ++t) steps.delta[t] = ssd_row(s.dt, first + t)[h] + bias;
  for (int64_t t = count; t < kChunk; ++t) steps.delta[t] = 0;
  for (int64_t t = 0; t < count; t += kLanes) {
    F32 delta = softplus(load(steps.delta + t));
    delta = select(delta < s.dt_min, set1(s.dt_min), delta);  // NaN stays
    delta = select(delta > s.dt_max, set1(s.dt_max), delta);
    store(steps.delta + t, delta);
    store(steps.decay + t, exp2_decay(delta * a2));
  }
  for (int64_t t = count; t < kChunk; ++t) steps.delta[t] = 0, steps.decay[t] = 1;
}

RIDGE_INLINE int64_t padded(int64_t p) { return (p + kLanes - 1) / kLanes * kLanes; }
// A head's state [n, p] to rows of padded(p), and back; from null: zeros.
RIDGE_INLINE void take_state(const float* from, float* to, int64_t n, int64_t p) {
  const int64_t width = padded(p);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < width; ++j) to[i * width + j] = from && j < p ? from[i * p + j] : 0;
}
RIDGE_INLINE void give_state(const float* from, float* to, int64_t n, int64_t p) {
  const int64_t width = padded(p);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < p; ++j) to[i * p + j] = from[i * width + j];
}

// One token: kVectors vectors from column j of the state, whose rows are `width` floats.
template <int kVectors>
RIDGE_INLINE void token(float* state, int64_t width, int64_t n, const float* b, const float* c,
                        const float* x, float* y, int64_t left, float decay, float delta, float d) {
  F32 in[kVectors], u[kVectors], out[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    in[v] = left - v * kLanes >= kLanes ? load(x + v * kLanes) : load_n(x + v * kLanes, left - v * kLanes);
    u[v] = in[v] * delta;
    out[v] = in[v] * d;
  }
  for (int64_t i = 0; i < n; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      float* at = state + i * width + v * kLanes;
      const F32 held = fma(u[v], set1(b[i]), load(at) * decay);
      store(at, held);
      out[v] = fma(held, set1(c[i]), out[v]);
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    if (left - v * kLanes >= kLanes)
      store(y + v * kLanes, out[v]);
    else
      store_n(y + v * kLanes, out[v], left - v * kLanes);
  }
}

// All tokens of a sequence. The state is used where it lies if its rows are whole vectors, else in `own`
// [n, padded(p)].
RIDGE_INLINE void serial_head(const SsdArgs& s, const SequenceSpan& span, int64_t h, float* own) {
  const int64_t heads = s.x.dim[1], p = s.x.dim[2], n = s.b.dim[2], group = h / (heads / s.b.dim[1]);
  float* tensor = static_cast<float*>(s.state.data);
  if (tensor) tensor += (span.slot * heads + h) * n * p;
  const bool in_place = tensor && p % kLanes == 0;
  float* state = in_place ? tensor : own;
  if (!in_place) take_state(tensor, own, n, p);
  const float d = s.d.data ? ssd_row(s.d, 0)[h] : 0;
  const int64_t width = padded(p);
  Steps steps;
  for (int64_t t = 0; t < span.length; ++t) {
    const int64_t left = span.length - t, row = span.begin + t;
    if (t % kChunk == 0) make_steps(s, h, row, left < kChunk ? left : kChunk, steps);
    const float delta = steps.delta[t % kChunk], decay = steps.decay[t % kChunk];
    const float *b = ssd_row(s.b, row) + group * n, *c = ssd_row(s.c, row) + group * n,
                *x = ssd_row(s.x, row) + h * p;
    float* y = ssd_row(s.y, row) + h * p;
    int64_t j = 0;
    for (; j + 4 * kLanes <= width; j += 4 * kLanes)
      token<4>(state + j, width, n, b, c, x + j, y + j, p - j, decay, delta, d);
    for (; j < width; j += kLanes) token<1>(state + j, width, n, b, c, x + j, y + j, p - j, decay, delta, d);
  }
  if (tensor && !in_place) give_state(own, tensor, n, p);
}

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge
