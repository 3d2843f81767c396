// With p: the truncated generating function at the roots of unity, as Cauchy sums joined by Woodbury's
// identity, and an inverse FFT (Gu et al. 2022, section 3.2 and algorithm 1). Without: powers of each
// eigenvalue (a Vandermonde product). Channels over threads.
#include "device/device.h"
#include "ops/dplr_kernel/args.h"
#include "ops/dplr_math.h"
#include "ops/fft.h"

namespace ridge {
namespace {

// The length that c is stored for, doubled until it reaches `length`.
int64_t circle(const DplrKernelArgs& a) {
  int64_t n = a.system.c_length > 0 ? a.system.c_length : a.y.dim[1];
  while (n < a.y.dim[1]) n *= 2;
  return n;
}

int64_t complex_numbers(const DplrKernelArgs& a) {
  const int64_t points = a.system.low_rank ? 3 * circle(a) : 0;
  return (kChannelArrays + 1) * a.system.n + points + largest_factor(circle(a)) + 8;
}

int64_t workspace(const void* p, int threads) {
  const auto& a = *static_cast<const DplrKernelArgs*>(p);
  const int64_t shared = a.system.low_rank ? circle(a) : 0;
  return (complex_numbers(a) * threads + shared) * static_cast<int64_t>(sizeof(Complex));
}

void diagonal(const Channel& h, Complex* x, float* y, int64_t length) {
  for (int64_t i = 0; i < h.n; ++i) x[i] = h.c[i] * h.db[i];
  for (int64_t j = 0; j < length; ++j) {
    double s = 0;
    for (int64_t i = 0; i < h.n; ++i) s += x[i].re, x[i] = h.D[i] * x[i];
    y[j] = static_cast<float>(2 * s);
  }
}

// c (I - dA^from) becomes c (I - dA^to), `to` being `from` times a power of two; `from` 0: c is not
// multiplied yet.
void multiply_output(Channel& h, Complex* w, int64_t from, int64_t to) {
  const bool raw = from == 0;
  for (int64_t l = raw ? to : from; raw || l < to; l *= 2) {
    for (int64_t i = 0; i < h.n; ++i) w[i] = h.c[i];
    for (int64_t j = 0; j < l; ++j) advance_row(h, w);
    for (int64_t i = 0; i < h.n; ++i) h.c[i] = raw ? h.c[i] - w[i] : h.c[i] + w[i];
    if (raw) return;
  }
}

// The generating function at e^(-2 pi i k / points), times 2 / (1 + omega), with fractions written so that
// omega = -1 is a point like any other: 1 / (z - lambda) = (1 + omega) / d, d = 2/dt (1 - omega) - lambda (1
// + omega).
Complex at_point(const Channel& h, Complex omega) {
  const Complex one{1, 0}, plus = one + omega, minus = (2 / h.dt) * (one - omega);
  Complex cb{0, 0}, cp{0, 0}, pb{0, 0}, pp{0, 0};
  for (int64_t i = 0; i < h.n; ++i) {
    const Complex d = inverse(minus - h.lambda[i] * plus), e = inverse(minus - conj(h.lambda[i]) * plus);
    const Complex both = h.c[i] * h.b[i], first = h.c[i] * h.p[i], last = conj(h.p[i]) * h.b[i];
    const double norm = h.p[i].re * h.p[i].re + h.p[i].im * h.p[i].im;
    cb = cb + both * d + conj(both) * e;
    cp = cp + first * d + conj(first) * e;
    pb = pb + last * d + conj(last) * e;
    pp = pp + norm * (d + e);
  }
  return 2 * (cb - plus * cp * pb * inverse(one + plus * pp));
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const DplrKernelArgs*>(p);
  const int64_t n = a.system.n, length = a.y.dim[1], points = circle(a);
  auto* roots = static_cast<Complex*>(exec.workspace);
  const int64_t shared = a.system.low_rank ? points : 0;
  if (shared) unit_roots(roots, points);
  for_each_chunk(exec, a.system.channels, 1, [&](int64_t begin, int64_t end, int thread) {
    Complex* memory = roots + shared + thread * complex_numbers(a);
    for (int64_t k = begin; k < end; ++k) {
      Channel h = channel_of(a.system, k, memory);
      Complex* x = memory + kChannelArrays * n;
      float* y = static_cast<float*>(a.y.data) + k * length;
      if (!h.low_rank) {
        diagonal(h, x, y, length);
        continue;
      }
      multiply_output(h, x, a.system.c_length, points);
      Complex *spectrum = x + n, *out = spectrum + points, *scratch = out + points;
      for (int64_t j = 0; 2 * j <= points; ++j) {
        spectrum[j] = conj(at_point(h, roots[j]));  // conjugated: the inverse transform by the forward one
        if (j > 0) spectrum[points - j] = conj(spectrum[j]);
      }
      fft(spectrum, 1, out, points, roots, points, scratch);
      for (int64_t j = 0; j < length; ++j) y[j] = static_cast<float>(out[j].re / static_cast<double>(points));
    }
  });
}

}  // namespace

namespace tables {
extern const Kernel kernel_dplr_kernel_generating_function;
const Kernel kernel_dplr_kernel_generating_function{"dplr_kernel",
                                                    "generating_function",
                                                    DeviceKind::cpu,
                                                    0,
                                                    10,
                                                    Rounding::f32,
                                                    nullptr,
                                                    workspace,
                                                    run,
                                                    nullptr,
                                                    "Gu et al. 2022, algorithm 1"};
}  // namespace tables
}  // namespace ridge
