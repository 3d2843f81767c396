#include "nn/hippo.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "device/device.h"

namespace ridge {

Hippo hippo_legs(int64_t n) {
  Hippo h{n, std::vector<double>(static_cast<size_t>(n * n)), std::vector<double>(static_cast<size_t>(n))};
  const auto root = [](int64_t i) { return std::sqrt(2.0 * static_cast<double>(i) + 1); };
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < i; ++j) h.a[static_cast<size_t>(i * n + j)] = -root(i) * root(j);
    h.a[static_cast<size_t>(i * n + i)] = -static_cast<double>(i + 1);
    h.b[static_cast<size_t>(i)] = root(i);
  }
  return h;
}

namespace {

using Complex = std::complex<double>;

// Eigenvalues and eigenvectors of a Hermitian matrix by Jacobi rotations (Golub and Van Loan 2013,
// section 8.5): a [n, n] becomes diagonal, the columns of v the vectors.
void hermitian_eigen(std::vector<Complex>& a, std::vector<Complex>& v, size_t n) {
  v.assign(n * n, 0);
  for (size_t i = 0; i < n; ++i) v[i * n + i] = 1;
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0, all = 0;
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j) (i == j ? all : off) += std::norm(a[i * n + j]);
    if (off <= 1e-30 * (off + all)) return;
    for (size_t p = 0; p + 1 < n; ++p)
      for (size_t q = p + 1; q < n; ++q) {
        const double size = std::abs(a[p * n + q]);
        if (size < 1e-300) continue;
        const Complex phase = a[p * n + q] / size;
        const double theta = (a[q * n + q].real() - a[p * n + p].real()) / (2 * size);
        const double t = (theta >= 0 ? 1 : -1) / (std::fabs(theta) + std::sqrt(theta * theta + 1));
        const double c = 1 / std::sqrt(t * t + 1), s = t * c;
        // Columns p and q of a and of v times the rotation, then rows of a times its adjoint.
        for (std::vector<Complex>* m : {&a, &v})
          for (size_t i = 0; i < n; ++i) {
            const Complex x = (*m)[i * n + p], y = (*m)[i * n + q];
            (*m)[i * n + p] = c * x - s * std::conj(phase) * y;
            (*m)[i * n + q] = s * phase * x + c * y;
          }
        for (size_t i = 0; i < n; ++i) {
          const Complex x = a[p * n + i], y = a[q * n + i];
          a[p * n + i] = c * x - s * phase * y;
          a[q * n + i] = s * std::conj(phase) * x + c * y;
        }
      }
  }
}

}  // namespace

Dplr hippo_dplr(int64_t states) {
  if (states < 2 || states % 2 != 0)
    fail(Fault::usage, "hippo_dplr: {} states, expected an even number", states);
  const auto n = static_cast<size_t>(states);
  const Hippo h = hippo_legs(states);
  // With P[i] = sqrt(i + 1/2), A + P P^T is -1/2 plus a real skew-symmetric matrix S; -i S is Hermitian with
  // the imaginary parts of the eigenvalues.
  std::vector<double> p(n);
  for (size_t i = 0; i < n; ++i) p[i] = std::sqrt(static_cast<double>(i) + 0.5);
  std::vector<Complex> m(n * n), vectors;
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j) {
      const double s = h.a[i * n + j] + p[i] * p[j] + (i == j ? 0.5 : 0);
      m[i * n + j] = Complex(0, -s);
    }
  hermitian_eigen(m, vectors, n);
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return m[a * n + a].real() < m[b * n + b].real(); });
  Dplr d{states, std::vector<Complex>(n), std::vector<Complex>(n), std::vector<Complex>(n),
         std::vector<Complex>(n * n)};
  for (size_t k = 0; k < n / 2; ++k) {
    // A pair's second vector is the conjugate of its first, exactly.
    const size_t from = order[n / 2 + k];
    d.lambda[k] = Complex(-0.5, m[from * n + from].real());
    d.lambda[n / 2 + k] = std::conj(d.lambda[k]);
    for (size_t i = 0; i < n; ++i) {
      d.v[i * n + k] = vectors[i * n + from];
      d.v[i * n + n / 2 + k] = std::conj(vectors[i * n + from]);
    }
  }
  for (size_t k = 0; k < n; ++k)
    for (size_t i = 0; i < n; ++i) {
      d.p[k] += std::conj(d.v[i * n + k]) * p[i];
      d.b[k] += std::conj(d.v[i * n + k]) * h.b[i];
    }
  return d;
}

DplrSystem hippo_system(int64_t channels, int64_t n, bool low_rank, double dt_min, double dt_max,
                        uint64_t seed) {
  if (channels < 1 || !(dt_min > 0) || !(dt_max >= dt_min))
    fail(Fault::usage, "hippo_system: {} channels with steps from {} to {}", channels, dt_min, dt_max);
  const Dplr d = hippo_dplr(n);
  const int64_t half = n / 2;
  Device& cpu = cpu_device();
  DplrSystem s;
  s.log_a_real = cpu.make(f32, {channels, half});
  s.a_imag = cpu.make(f32, {channels, half});
  s.b = cpu.make(f32, {channels, half, 2});
  s.c = cpu.make(f32, {channels, half, 2});
  if (low_rank) s.p = cpu.make(f32, {channels, half, 2});
  s.log_dt = cpu.make(f32, {channels});
  Random random(seed, 1);
  for (int64_t h = 0; h < channels; ++h) {
    const double share = channels > 1 ? static_cast<double>(h) / static_cast<double>(channels - 1) : 0;
    s.log_dt.ptr<float>()[h] =
        static_cast<float>(std::log(dt_min) + share * (std::log(dt_max) - std::log(dt_min)));
    for (int64_t k = 0; k < half; ++k) {
      const int64_t at = h * half + k;
      const auto i = static_cast<size_t>(k);
      s.log_a_real.ptr<float>()[at] = static_cast<float>(std::log(-d.lambda[i].real()));
      s.a_imag.ptr<float>()[at] = static_cast<float>(d.lambda[i].imag());
      const auto put = [&](const Tensor& t, Complex z) {
        t.ptr<float>()[2 * at] = static_cast<float>(z.real());
        t.ptr<float>()[2 * at + 1] = static_cast<float>(z.imag());
      };
      put(s.b, d.b[i]);
      if (low_rank) put(s.p, d.p[i]);
      const float deviation = std::sqrt(0.5f);
      const float re = deviation * random.normal(), im = deviation * random.normal();
      put(s.c, {re, im});
    }
  }
  return s;
}

}  // namespace ridge
