// HiPPO-LegS against its definition, its diagonal-plus-low-rank form against the dense matrix, and S4's
// kernels by generating function, FFT and recurrence against the dense computation in double.
#include "nn/hippo.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "context/cases.h"
#include "ops/dplr_kernel/dplr_kernel.h"
#include "ops/dplr_scan/dplr_scan.h"
#include "ops/fft_conv/fft_conv.h"

namespace ridge {
namespace {

using C = std::complex<double>;

// The inverse of a real matrix by Gauss-Jordan elimination with pivots.
std::vector<double> inverse_of(std::vector<double> a, size_t n) {
  std::vector<double> b(n * n);
  for (size_t i = 0; i < n; ++i) b[i * n + i] = 1;
  for (size_t k = 0; k < n; ++k) {
    size_t best = k;
    for (size_t i = k; i < n; ++i)
      if (std::fabs(a[i * n + k]) > std::fabs(a[best * n + k])) best = i;
    for (size_t j = 0; j < n; ++j)
      std::swap(a[k * n + j], a[best * n + j]), std::swap(b[k * n + j], b[best * n + j]);
    const double pivot = a[k * n + k];
    for (size_t j = 0; j < n; ++j) a[k * n + j] /= pivot, b[k * n + j] /= pivot;
    for (size_t i = 0; i < n; ++i) {
      if (i == k) continue;
      const double f = a[i * n + k];
      for (size_t j = 0; j < n; ++j) a[i * n + j] -= f * a[k * n + j], b[i * n + j] -= f * b[k * n + j];
    }
  }
  return b;
}

std::vector<double> product(const std::vector<double>& a, const std::vector<double>& b, size_t n) {
  std::vector<double> c(n * n);
  for (size_t i = 0; i < n; ++i)
    for (size_t k = 0; k < n; ++k)
      for (size_t j = 0; j < n; ++j) c[i * n + j] += a[i * n + k] * b[k * n + j];
  return c;
}

// c dA^j db of the dense LegS matrix, by the bilinear rule.
std::vector<double> dense_kernel(int64_t states, const std::vector<double>& c, double dt, int64_t length) {
  const auto n = static_cast<size_t>(states);
  const Hippo h = hippo_legs(states);
  std::vector<double> minus(n * n), plus(n * n);
  for (size_t i = 0; i < n * n; ++i) minus[i] = -dt / 2 * h.a[i], plus[i] = dt / 2 * h.a[i];
  for (size_t i = 0; i < n; ++i) minus[i * n + i] += 1, plus[i * n + i] += 1;
  const auto left = inverse_of(minus, n), step = product(left, plus, n);
  std::vector<double> x(n), y;
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j) x[i] += left[i * n + j] * dt * h.b[j];
  for (int64_t t = 0; t < length; ++t) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i) sum += c[i] * x[i];
    y.push_back(sum);
    std::vector<double> next(n);
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j) next[i] += step[i * n + j] * x[j];
    x = next;
  }
  return y;
}

TEST(Hippo, DiagonalPlusLowRankIsTheDenseMatrix) {
  for (const int64_t states : {2, 4, 16, 64}) {
    const auto n = static_cast<size_t>(states);
    const Hippo h = hippo_legs(states);
    const Dplr d = hippo_dplr(states);
    double worst = 0, orthogonal = 0, input = 0;
    for (size_t i = 0; i < n; ++i) {
      C b = 0;
      for (size_t k = 0; k < n; ++k) b += d.v[i * n + k] * d.b[k];
      input = std::max(input, std::abs(b - h.b[i]));
      for (size_t j = 0; j < n; ++j) {
        C sum = 0, unit = 0, pi = 0, pj = 0;
        for (size_t k = 0; k < n; ++k) {
          sum += d.v[i * n + k] * d.lambda[k] * std::conj(d.v[j * n + k]);
          unit += d.v[i * n + k] * std::conj(d.v[j * n + k]);
          pi += d.v[i * n + k] * d.p[k], pj += d.v[j * n + k] * d.p[k];
        }
        worst = std::max(worst, std::abs(sum - pi * std::conj(pj) - h.a[i * n + j]));
        orthogonal = std::max(orthogonal, std::abs(unit - (i == j ? 1.0 : 0.0)));
      }
    }
    EXPECT_LT(worst, 1e-10 * static_cast<double>(states)) << states;
    EXPECT_LT(input, 1e-11 * static_cast<double>(states)) << states;
    EXPECT_LT(orthogonal, 1e-12 * static_cast<double>(states)) << states;
  }
  EXPECT_THROW(hippo_dplr(3), Error);
  EXPECT_THROW(hippo_dplr(0), Error);
}

// The first values of S4D-LegS as published in the notes to S4D (the imaginary parts of n = 4 follow from the
// characteristic polynomial of the skew part).
TEST(Hippo, EigenvaluesOfFour) {
  const Hippo h = hippo_legs(4);
  const Dplr d = hippo_dplr(4);
  // S = A + P P^T + 1/2: its squared eigenvalues solve x^2 + e x + f = 0 with e = sum of squares of the
  // entries above the diagonal, f = the Pfaffian squared.
  double s[4][4];
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j)
      s[i][j] = h.a[static_cast<size_t>(i * 4 + j)] + std::sqrt((i + 0.5) * (j + 0.5)) + (i == j ? 0.5 : 0);
  double e = 0;
  for (int i = 0; i < 4; ++i)
    for (int j = i + 1; j < 4; ++j) e += s[i][j] * s[i][j];
  const double pfaffian = s[0][1] * s[2][3] - s[0][2] * s[1][3] + s[0][3] * s[1][2];
  const double root = std::sqrt(e * e / 4 - pfaffian * pfaffian);
  EXPECT_NEAR(d.lambda[0].imag(), std::sqrt(e / 2 - root), 1e-12);
  EXPECT_NEAR(d.lambda[1].imag(), std::sqrt(e / 2 + root), 1e-12);
  for (const C& x : d.lambda) EXPECT_EQ(x.real(), -0.5);
}

struct Worst {
  double error = 0, size = 0;
  void take(double a, double b) {
    error = std::max(error, std::fabs(a - b)), size = std::max(size, std::fabs(b));
  }
};

TEST(Hippo, KernelOfTheDplrFormIsTheDenseOne) {
  constexpr int64_t kChannels = 3, kLength = 150;
  for (const int64_t states : {4, 16, 64}) {
    const DplrSystem s = hippo_system(kChannels, states, true, 1e-3, 1e-1, 7);
    const Dplr d = hippo_dplr(states);
    Context cx(cpu_device(), {.threads = 2});
    const Tensor k = dplr_kernel(cx, s, kLength);
    for (int64_t h = 0; h < kChannels; ++h) {
      // c in the dense basis: c V^*, real because states come in pairs.
      const auto n = static_cast<size_t>(states);
      std::vector<double> c(n);
      for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n / 2; ++j) {
          const float* z = s.c.ptr<float>() + (static_cast<size_t>(h) * n / 2 + j) * 2;
          c[i] += 2 * (C(z[0], z[1]) * std::conj(d.v[i * n + j])).real();
        }
      const auto dense =
          dense_kernel(states, c, std::exp(static_cast<double>(s.log_dt.ptr<float>()[h])), kLength);
      Worst worst;
      for (int64_t t = 0; t < kLength; ++t)
        worst.take(k.ptr<float>()[h * kLength + t], dense[static_cast<size_t>(t)]);
      EXPECT_LT(worst.error, 2e-6 * worst.size) << states << " states, channel " << h;
    }
  }
}

TEST(Hippo, ConvolutionIsRecurrence) {
  for (const bool low_rank : {true, false})
    for (const int64_t length : {1, 37, 256, 1000}) {
      const DplrSystem s = hippo_system(8, 16, low_rank, 1e-3, 1e-1, 3);
      Context cx(cpu_device(), {.threads = 2});
      CaseInputs in(cx, 1);
      const Tensor u = in.normal("u", {2, length, 8}), skip = in.normal("skip", {8});
      const Tensor convolved = fft_conv(cx, u, dplr_kernel(cx, s, length), skip);
      const Tensor stepped = dplr_scan(cx, u, s, skip);
      Worst worst;
      for (int64_t i = 0; i < u.count(); ++i) worst.take(convolved.ptr<float>()[i], stepped.ptr<float>()[i]);
      EXPECT_LT(worst.error, 1e-5 * worst.size) << (low_rank ? "S4" : "S4D") << " of length " << length;

      // In two parts, with a state between them.
      const int64_t first = length / 2;
      const Tensor state = cpu_device().make(f32, {2, 8, 8, 2});
      std::fill_n(state.ptr<float>(), state.count(), 0.0f);
      const auto part = [&](int64_t begin, int64_t end) {
        const Tensor p = cpu_device().make(f32, {2, end - begin, 8});
        for (int64_t n = 0; n < 2; ++n)
          std::copy_n(u.ptr<float>() + (n * length + begin) * 8, (end - begin) * 8,
                      p.ptr<float>() + n * (end - begin) * 8);
        return dplr_scan(cx, p, s, skip, state);
      };
      part(0, first);
      const Tensor rest = part(first, length);
      for (int64_t n = 0; n < 2; ++n)
        for (int64_t i = 0; i < (length - first) * 8; ++i)
          EXPECT_NEAR(rest.ptr<float>()[n * (length - first) * 8 + i],
                      stepped.ptr<float>()[(n * length + first) * 8 + i], 1e-5 * worst.size);
    }
}

}  // namespace
}  // namespace ridge
