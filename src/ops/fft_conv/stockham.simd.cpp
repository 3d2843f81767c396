// Real transforms of a power of two as complex ones of half the length (even elements real, odd ones
// imaginary), by Stockham's self-sorting radix-2 passes. Channels are the lanes of the vectors: every
// operation is on whole vectors. Blocks of channels go over threads; a block transforms its kernels once for
// all sequences.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/fft_conv/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct Pair {
  F32 re, im;
};
struct Root {
  float re, im;
};
RIDGE_INLINE Pair get(const float* p, int64_t i) {
  return {load(p + 2 * i * kLanes), load(p + (2 * i + 1) * kLanes)};
}
RIDGE_INLINE void put(float* p, int64_t i, Pair z) {
  store(p + 2 * i * kLanes, z.re);
  store(p + (2 * i + 1) * kLanes, z.im);
}

// Half the transform's length, for convolutions of `length` without wrapping around.
int64_t half_of(int64_t length) {
  int64_t m = 1;
  while (m < length) m *= 2;
  return m;
}

// e^(-2 pi i k / (2m)), k < m; the complex transform of length m takes every second one.
void make_roots(Root* roots, int64_t m) {
  for (int64_t k = 0; k < m; ++k) {
    const double t = -3.14159265358979323846 * static_cast<double>(k) / static_cast<double>(m);
    roots[k] = {static_cast<float>(__builtin_cos(t)), static_cast<float>(__builtin_sin(t))};
  }
}

// The transform of x (m complex vectors) with the help of `other`; returns which of the two holds it. `sign`
// -1: the inverse, not divided by m.
float* transform(float* x, float* other, int64_t m, const Root* roots, float sign) {
  for (int64_t span = m / 2, groups = 1; span >= 1; span /= 2, groups *= 2) {
    for (int64_t j = 0; j < span; ++j) {
      // Of the m / groups points of a group the j-th root: e^(-2 pi i j groups / m), roots being of order 2m.
      const Root w = roots[2 * j * groups];
      const float im = sign * w.im;
      for (int64_t g = 0; g < groups; ++g) {
        const Pair a = get(x, g + groups * j), b = get(x, g + groups * (j + span));
        put(other, g + groups * 2 * j, {a.re + b.re, a.im + b.im});
        const F32 dr = a.re - b.re, di = a.im - b.im;
        put(other, g + groups * (2 * j + 1), {dr * w.re - di * im, dr * im + di * w.re});
      }
    }
    float* t = x;
    x = other, other = t;
  }
  return x;
}

// Elements k and m - k of the real sequence's spectrum out of Z, the transform of its pairs: X_k and
// conj(X_{m-k}). X_k = E + w O, conj(X_{m-k}) = E - w O; E = (Z_k + conj(Z_{m-k})) / 2, O = (Z_k -
// conj(Z_{m-k})) / 2i.
struct Spectrum {
  Pair first, last;
};
RIDGE_INLINE Spectrum split(Pair z, Pair other, Root w) {
  const Pair e{(z.re + other.re) * 0.5f, (z.im - other.im) * 0.5f};
  const Pair o{(z.im + other.im) * 0.5f, (other.re - z.re) * 0.5f};
  const Pair t{o.re * w.re - o.im * w.im, o.re * w.im + o.im * w.re};
  return {{e.re + t.re, e.im + t.im}, {e.re - t.re, e.im - t.im}};
}
RIDGE_INLINE Pair times(Pair a, Pair b) { return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }

// Z of the product of two sequences' spectra: split both, multiply, and join again.
void multiply_spectra(float* z, const float* k, int64_t m, const Root* roots) {
  for (int64_t i = 0; 2 * i <= m; ++i) {
    const int64_t j = i == 0 ? 0 : m - i;
    const Root w = roots[i];
    const Spectrum a = split(get(z, i), get(z, j), w), b = split(get(k, i), get(k, j), w);
    // `last` is conj(X_{m-i}); for i = 0 that is the element in the middle, X_m, which is real.
    const Pair first = times(a.first, b.first), last = times(a.last, b.last);
    const Pair e{(first.re + last.re) * 0.5f, (first.im + last.im) * 0.5f};
    const Pair t{(first.re - last.re) * 0.5f, (first.im - last.im) * 0.5f};
    const Pair o{t.re * w.re + t.im * w.im, t.im * w.re - t.re * w.im};  // divided by w
    put(z, i, {e.re - o.im, e.im + o.re});
    if (j != i) put(z, j, {e.re + o.im, o.re - e.im});
  }
}

int64_t floats_each(int64_t m) { return 3 * 2 * m * kLanes; }
int64_t roots_floats(int64_t m) { return (2 * m + 15) / 16 * 16; }
int64_t workspace(const void* p, int threads) {
  const int64_t m = half_of(static_cast<const FftConvArgs*>(p)->u.dim[1]);
  return 4 * (roots_floats(m) + floats_each(m) * threads);
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const FftConvArgs*>(p);
  const int64_t length = a.u.dim[1], channels = a.u.dim[2], taps = a.k.dim[1], m = half_of(length);
  if (length == 0) return;
  auto* roots = static_cast<Root*>(exec.workspace);
  make_roots(roots, m);
  for_each_chunk(exec, (channels + kLanes - 1) / kLanes, 1, [&](int64_t begin, int64_t end, int thread) {
    float* memory = static_cast<float*>(exec.workspace) + roots_floats(m) + thread * floats_each(m);
    for (int64_t block = begin; block < end; ++block) {
      const int64_t h = block * kLanes, n = channels - h < kLanes ? channels - h : kLanes;
      float *kernel = memory, *x = memory + 2 * m * kLanes, *spare = x + 2 * m * kLanes;
      // Element t of a real sequence is vector t of the complex one: pairs follow each other.
      for (int64_t t = 0; t < 2 * m; ++t)
        for (int64_t c = 0; c < kLanes; ++c)
          kernel[t * kLanes + c] =
              t < length && c < n ? static_cast<const float*>(a.k.data)[(h + c) * taps + t] : 0;
      float* spectrum = transform(kernel, spare, m, roots, 1);
      if (spectrum != kernel) {
        for (int64_t t = 0; t < 2 * m; ++t) store(kernel + t * kLanes, load(spectrum + t * kLanes));
      }
      const float* skips = static_cast<const float*>(a.skip.data) + h;
      const F32 skip = n == kLanes ? load(skips) : load_n(skips, n),
                scale = set1(1.0f / static_cast<float>(m));
      for (int64_t s = 0; s < a.u.dim[0]; ++s) {
        const float* u = static_cast<const float*>(a.u.data) + s * length * channels + h;
        float* y = static_cast<float*>(a.y.data) + s * length * channels + h;
        for (int64_t t = 0; t < 2 * m; ++t)
          store(x + t * kLanes, t >= length   ? F32{}
                                : n == kLanes ? load(u + t * channels)
                                              : load_n(u + t * channels, n));
        float* z = transform(x, spare, m, roots, 1);
        float* other = z == x ? spare : x;
        multiply_spectra(z, kernel, m, roots);
        const float* out = transform(z, other, m, roots, -1);
        for (int64_t t = 0; t < length; ++t) {
          const F32 in = n == kLanes ? load(u + t * channels) : load_n(u + t * channels, n);
          const F32 v = fma(skip, in, load(out + t * kLanes) * scale);
          if (n == kLanes)
            store(y + t * channels, v);
          else
            store_n(y + t * channels, v, n);
        }
      }
    }
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"fft_conv",
                                 "stockham." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,
                                 Rounding::f32,
                                 nullptr,
                                 RIDGE_ISA_NS::workspace,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "Stockham 1966; Gu et al. 2022"};
}  // namespace tables
}  // namespace ridge
