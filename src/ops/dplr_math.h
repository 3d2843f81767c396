// One channel of a DplrSystem in double: its discrete form, a step of it, and what c is. For kernel files:
// nothing is allocated, all memory is the caller's.
#pragma once
#include <cmath>

#include "ops/dplr.h"

namespace ridge {
namespace {

struct Complex {
  double re, im;
};
RIDGE_ALWAYS Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
RIDGE_ALWAYS Complex operator-(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }
RIDGE_ALWAYS Complex operator*(Complex a, Complex b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
RIDGE_ALWAYS Complex operator*(double a, Complex b) { return {a * b.re, a * b.im}; }
RIDGE_ALWAYS Complex conj(Complex a) { return {a.re, -a.im}; }
RIDGE_ALWAYS Complex inverse(Complex a) {
  const double s = 1 / (a.re * a.re + a.im * a.im);
  return {a.re * s, -a.im * s};
}

// With p, by the bilinear rule: x' = D (E x - p (p^* x)) - D p R (p^* D ...) + db u, D = 1 / (2/dt - lambda),
// E = 2/dt + lambda, R = 1 / (1 + p^* D p), where p^* v is the sum over all states, 2 Re over those held.
// Without, by zero-order hold: x' = D x + db u, D = e^(dt lambda).
struct Channel {
  int64_t n;
  bool low_rank;
  double dt, R;
  Complex *lambda, *b, *c, *p, *D, *E, *db;  // [n] each
};
constexpr int64_t kChannelArrays = 7;

RIDGE_ALWAYS double twice_real_dot(int64_t n, const Complex* a, const Complex* b, bool conjugate) {
  double s = 0;
  for (int64_t i = 0; i < n; ++i) s += a[i].re * b[i].re + (conjugate ? 1 : -1) * a[i].im * b[i].im;
  return 2 * s;
}

// x <- dA x, without input. `x` [n].
inline void advance(const Channel& h, Complex* x) {
  if (!h.low_rank) {
    for (int64_t i = 0; i < h.n; ++i) x[i] = h.D[i] * x[i];
    return;
  }
  const double s = twice_real_dot(h.n, h.p, x, true);
  for (int64_t i = 0; i < h.n; ++i) x[i] = h.D[i] * (h.E[i] * x[i] - s * h.p[i]);
  const double t = h.R * twice_real_dot(h.n, h.p, x, true);
  for (int64_t i = 0; i < h.n; ++i) x[i] = x[i] - t * (h.D[i] * h.p[i]);
}

// The functional v(x) = 2 Re(sum w x) before one step: w <- w dA.
inline void advance_row(const Channel& h, Complex* w) {
  for (int64_t i = 0; i < h.n; ++i) w[i] = h.D[i] * w[i];
  if (!h.low_rank) return;
  const double a = h.R * twice_real_dot(h.n, w, h.p, false);
  for (int64_t i = 0; i < h.n; ++i) w[i] = w[i] - a * (h.D[i] * conj(h.p[i]));
  const double e = twice_real_dot(h.n, w, h.p, false);
  for (int64_t i = 0; i < h.n; ++i) w[i] = w[i] * h.E[i] - e * conj(h.p[i]);
}

// Channel k of the system; `memory` has kChannelArrays * n numbers.
inline Channel channel_of(const DplrView& v, int64_t k, Complex* memory) {
  const int64_t n = v.n;
  Channel h{n,
            v.low_rank,
            std::exp(static_cast<double>(v.log_dt[k])),
            1,
            memory,
            memory + n,
            memory + 2 * n,
            memory + 3 * n,
            memory + 4 * n,
            memory + 5 * n,
            memory + 6 * n};
  for (int64_t i = 0; i < n; ++i) {
    const int64_t at = k * n + i;
    h.lambda[i] = {-std::exp(static_cast<double>(v.log_a_real[at])), v.a_imag[at]};
    h.b[i] = v.b ? Complex{v.b[2 * at], v.b[2 * at + 1]} : Complex{1, 0};
    h.c[i] = {v.c[2 * at], v.c[2 * at + 1]};
    h.p[i] = v.p ? Complex{v.p[2 * at], v.p[2 * at + 1]} : Complex{0, 0};
    if (h.low_rank) {
      h.D[i] = inverse(Complex{2 / h.dt, 0} - h.lambda[i]);
      h.E[i] = Complex{2 / h.dt, 0} + h.lambda[i];
      h.db[i] = h.D[i] * (2 * h.b[i]);
      continue;
    }
    const Complex z = h.dt * h.lambda[i];
    const double e = std::exp(z.re);
    h.D[i] = {e * std::cos(z.im), e * std::sin(z.im)};
    // (e^z - 1) / lambda, which is dt where lambda is 0.
    const double m = h.lambda[i].re * h.lambda[i].re + h.lambda[i].im * h.lambda[i].im;
    h.db[i] = m < 1e-24 ? h.dt * h.b[i] : h.b[i] * ((h.D[i] - Complex{1, 0}) * inverse(h.lambda[i]));
  }
  if (h.low_rank) {
    double s = 0;
    for (int64_t i = 0; i < n; ++i) s += (h.p[i].re * h.p[i].re + h.p[i].im * h.p[i].im) * h.D[i].re;
    h.R = 1 / (1 + 2 * s);
    const double t = h.R * twice_real_dot(n, h.p, h.db, true);
    for (int64_t i = 0; i < n; ++i) h.db[i] = h.db[i] - t * (h.D[i] * h.p[i]);
  }
  return h;
}

// Numbers that true_output() needs beside the channel.
RIDGE_ALWAYS int64_t true_output_doubles(int64_t n) { return 3 * (2 * n) * (2 * n) + 4 * n; }

// Replaces c (I - dA^length) by c: the inverse, by elimination, of a matrix of real and imaginary parts.
inline void true_output(Channel& h, int64_t length, double* memory) {
  if (length < 1 || !h.low_rank) return;
  const int64_t n = h.n, m = 2 * n;
  double *power = memory, *square = memory + m * m, *step = memory + 2 * m * m, *rhs = memory + 3 * m * m;
  auto* x = reinterpret_cast<Complex*>(rhs + m);
  // step[j] is the image of the j-th real basis vector; power begins as the identity.
  for (int64_t j = 0; j < m; ++j) {
    for (int64_t i = 0; i < n; ++i) x[i] = {j == i ? 1.0 : 0.0, j == n + i ? 1.0 : 0.0};
    advance(h, x);
    for (int64_t i = 0; i < n; ++i) step[i * m + j] = x[i].re, step[(n + i) * m + j] = x[i].im;
    for (int64_t i = 0; i < m; ++i) power[i * m + j] = i == j;
  }
  const auto multiply = [&](double* to, const double* other) {  // to <- to other
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < m; ++j) square[i * m + j] = 0;
    for (int64_t i = 0; i < m; ++i)
      for (int64_t k = 0; k < m; ++k)
        for (int64_t j = 0; j < m; ++j) square[i * m + j] += to[i * m + k] * other[k * m + j];
    for (int64_t i = 0; i < m * m; ++i) to[i] = square[i];
  };
  for (int64_t left = length; left > 0; left >>= 1) {
    if (left & 1) multiply(power, step);
    if (left > 1) multiply(step, step);
  }
  // The functional 2 Re(c x) as a row over real and imaginary parts; (I - power)^T row = what is stored.
  for (int64_t i = 0; i < n; ++i) rhs[i] = h.c[i].re, rhs[n + i] = -h.c[i].im;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < m; ++j) step[i * m + j] = (i == j) - power[j * m + i];
  for (int64_t k = 0; k < m; ++k) {
    int64_t best = k;
    for (int64_t i = k + 1; i < m; ++i)
      if (std::fabs(step[i * m + k]) > std::fabs(step[best * m + k])) best = i;
    for (int64_t j = 0; j < m; ++j) {
      const double t = step[k * m + j];
      step[k * m + j] = step[best * m + j], step[best * m + j] = t;
    }
    const double t = rhs[k];
    rhs[k] = rhs[best], rhs[best] = t;
    for (int64_t i = k + 1; i < m; ++i) {
      const double f = step[i * m + k] / step[k * m + k];
      for (int64_t j = k; j < m; ++j) step[i * m + j] -= f * step[k * m + j];
      rhs[i] -= f * rhs[k];
    }
  }
  for (int64_t i = m - 1; i >= 0; --i) {
    for (int64_t j = i + 1; j < m; ++j) rhs[i] -= step[i * m + j] * rhs[j];
    rhs[i] /= step[i * m + i];
  }
  for (int64_t i = 0; i < n; ++i) h.c[i] = {rhs[i], -rhs[n + i]};
}

}  // namespace
}  // namespace ridge
