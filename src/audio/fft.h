// Discrete Fourier transforms of any length by mixed radices (Cooley and Tukey 1965); lengths with a prime
// factor above 7 by the definition in that factor.
#pragma once
#include <complex>
#include <vector>

namespace ridge {

class Fft {
 public:
  explicit Fft(int n);
  int size() const { return n_; }
  // |X_k|^2 of n real samples for k = 0 ... n/2, in double. `work` is scratch of the caller.
  void power(const float* samples, double* out, std::vector<std::complex<double>>& work) const;

 private:
  using Complex = std::complex<double>;
  void transform(const Complex* in, int stride, int n, size_t factor, Complex* out, Complex* scratch) const;
  int n_;
  std::vector<int> factors_;
  std::vector<Complex> roots_;  // e^(-2 pi i k / n)
};

}  // namespace ridge
