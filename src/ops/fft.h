// A mixed-radix Fourier transform in double for any length, by decimation in time (Cooley and Tukey 1965): n
// log n for products of small primes, n p for a prime factor p. For kernel files: all memory is the caller's.
#pragma once
#include <cmath>

#include "ops/dplr_math.h"

namespace ridge {
namespace {

RIDGE_ALWAYS int64_t smallest_factor(int64_t n) {
  for (int64_t p = 2; p * p <= n; ++p)
    if (n % p == 0) return p;
  return n;
}
RIDGE_ALWAYS int64_t largest_factor(int64_t n) {
  int64_t most = 1;
  while (n > 1) {
    const int64_t p = smallest_factor(n);
    if (p > most) most = p;
    n /= p;
  }
  return most;
}

// e^(-2 pi i k / n) for k < n.
inline void unit_roots(Complex* roots, int64_t n) {
  for (int64_t k = 0; k < n; ++k) {
    const double t = -2 * M_PI * static_cast<double>(k) / static_cast<double>(n);
    roots[k] = {std::cos(t), std::sin(t)};
  }
}

// out[k] = sum_j in[j * stride] e^(-2 pi i j k / n), k < n. `roots` of the whole transform, of length
// `whole`, a multiple of n; `scratch` has largest_factor(whole) numbers. The depth is that of the factors:
// below 64.
inline void fft(const Complex* in, int64_t stride, Complex* out, int64_t n, const Complex* roots,
                int64_t whole, Complex* scratch) {
  if (n == 1) {
    out[0] = in[0];
    return;
  }
  const int64_t p = smallest_factor(n), m = n / p, turn = whole / n;
  for (int64_t r = 0; r < p; ++r) fft(in + r * stride, stride * p, out + r * m, m, roots, whole, scratch);
  for (int64_t k = 0; k < m; ++k) {
    for (int64_t r = 0; r < p; ++r) scratch[r] = out[r * m + k] * roots[r * k * turn];
    for (int64_t q = 0; q < p; ++q) {
      Complex sum = scratch[0];
      for (int64_t r = 1; r < p; ++r) sum = sum + scratch[r] * roots[r * q % p * m * turn];
      out[q * m + k] = sum;
    }
  }
}

}  // namespace
}  // namespace ridge
