#include "audio/fft.h"

#include <cmath>

namespace ridge {

Fft::Fft(int n) : n_(n) {
  int left = n;
  for (const int f : {4, 2, 3, 5, 7})
    while (left % f == 0) factors_.push_back(f), left /= f;
  for (int f = 11; left > 1; f += 2)
    while (left % f == 0) factors_.push_back(f), left /= f;
  for (int k = 0; k < n; ++k) {
    const double angle = -2 * M_PI * k / n;
    roots_.emplace_back(std::cos(angle), std::sin(angle));
  }
}

// Decimation in time: the transforms of the p interleaved parts, joined by butterflies of p.
void Fft::transform(const Complex* in, int stride, int n, size_t factor, Complex* out,
                    Complex* scratch) const {
  if (n == 1) {
    out[0] = in[0];
    return;
  }
  const int p = factors_[factor], m = n / p, step = n_ / n;
  for (int r = 0; r < p; ++r) transform(in + r * stride, stride * p, m, factor + 1, out + r * m, scratch);
  for (int k = 0; k < m; ++k) {
    for (int r = 0; r < p; ++r) scratch[r] = out[r * m + k] * roots_[static_cast<size_t>(r * k * step)];
    for (int q = 0; q < p; ++q) {
      Complex sum = scratch[0];
      for (int r = 1; r < p; ++r)
        sum += scratch[r] * roots_[static_cast<size_t>(static_cast<int64_t>(r) * q * m % n * step)];
      out[q * m + k] = sum;
    }
  }
}

void Fft::power(const float* samples, double* out, std::vector<Complex>& work) const {
  const auto n = static_cast<size_t>(n_);
  work.resize(3 * n);
  for (size_t i = 0; i < n; ++i) work[i] = samples[i];
  transform(work.data(), 1, n_, 0, work.data() + n, work.data() + 2 * n);
  for (size_t k = 0; k <= n / 2; ++k) out[k] = std::norm(work[n + k]);
}

}  // namespace ridge
