// Fast transforms by Stockham's self-sorting steps of any radix, one transform a lane: first along the width,
// two real rows a complex transform, then along the tokens. Of the real rows' spectra one half is kept; the
// columns of the other half are the same transforms read backwards.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/fourier_mix/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct Complex {
  F32 re, im;
};
RIDGE_INLINE Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
RIDGE_INLINE Complex operator-(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }
RIDGE_INLINE Complex times(Complex a, float c, float s) { return {a.re * c - a.im * s, a.re * s + a.im * c}; }
RIDGE_INLINE Complex times_minus_i(Complex a) { return {a.im, -a.re}; }

// kLanes transforms: element i of lane j at [i * kLanes + j].
struct Lanes {
  float *re, *im;
};
RIDGE_INLINE Complex at(const Lanes& l, int64_t i) {
  return {load(l.re + i * kLanes), load(l.im + i * kLanes)};
}
RIDGE_INLINE void put(const Lanes& l, int64_t i, Complex v) {
  store(l.re + i * kLanes, v.re);
  store(l.im + i * kLanes, v.im);
}

// One step: of `s` interleaved transforms of length m * p, the radix p is taken out. Elements q + m r of a
// transform become element p q + u of the next, for r, u < p.
struct Step {
  int64_t s, m, p;
  const FftPlan& plan;
};

RIDGE_INLINE void radix_2(const Step& z, const Lanes& x, const Lanes& y) {
  for (int64_t q = 0; q < z.m; ++q) {
    const float c = z.plan.cos[q * z.s], w = z.plan.sin[q * z.s];
    for (int64_t t = 0; t < z.s; ++t) {
      const Complex a = at(x, t + z.s * q), b = at(x, t + z.s * (q + z.m));
      put(y, t + z.s * 2 * q, a + b);
      put(y, t + z.s * (2 * q + 1), times(a - b, c, w));
    }
  }
}

RIDGE_INLINE void radix_4(const Step& z, const Lanes& x, const Lanes& y) {
  for (int64_t q = 0; q < z.m; ++q) {
    const float *c = z.plan.cos, *w = z.plan.sin;
    const int64_t i1 = q * z.s, i2 = 2 * i1, i3 = 3 * i1;
    for (int64_t t = 0; t < z.s; ++t) {
      const Complex a0 = at(x, t + z.s * q), a1 = at(x, t + z.s * (q + z.m)),
                    a2 = at(x, t + z.s * (q + 2 * z.m)), a3 = at(x, t + z.s * (q + 3 * z.m));
      const Complex even = a0 + a2, even_less = a0 - a2, odd = a1 + a3, odd_less = times_minus_i(a1 - a3);
      put(y, t + z.s * 4 * q, even + odd);
      put(y, t + z.s * (4 * q + 1), times(even_less + odd_less, c[i1], w[i1]));
      put(y, t + z.s * (4 * q + 2), times(even - odd, c[i2], w[i2]));
      put(y, t + z.s * (4 * q + 3), times(even_less - odd_less, c[i3], w[i3]));
    }
  }
}

RIDGE_INLINE void any_radix(const Step& z, const Lanes& x, const Lanes& y) {
  const int64_t n = z.plan.n, unit = n / z.p;
  for (int64_t q = 0; q < z.m; ++q)
    for (int64_t u = 0; u < z.p; ++u) {
      const float c = z.plan.cos[q * u * z.s % n], w = z.plan.sin[q * u * z.s % n];
      for (int64_t t = 0; t < z.s; ++t) {
        Complex sum = at(x, t + z.s * q);
        for (int64_t r = 1, i = u; r < z.p; ++r, i = i + u >= z.p ? i + u - z.p : i + u)
          sum = sum + times(at(x, t + z.s * (q + r * z.m)), z.plan.cos[i * unit], z.plan.sin[i * unit]);
        put(y, t + z.s * (z.p * q + u), times(sum, c, w));
      }
    }
}

// Returns which of the two holds the result.
Lanes transform(const FftPlan& plan, Lanes x, Lanes y) {
  int64_t s = 1, rest = plan.n;
  for (int i = 0; i < plan.factor_count; ++i) {
    const int64_t p = plan.factors[i];
    rest /= p;
    const Step step{s, rest, p, plan};
    if (p == 4)
      radix_4(step, x, y);
    else if (p == 2)
      radix_2(step, x, y);
    else
      any_radix(step, x, y);
    const Lanes z = x;
    x = y, y = z;
    s *= p;
  }
  return x;
}

struct Layout {  // in floats
  int64_t half, im, thread, size;
};

RIDGE_INLINE Layout layout(const FourierMixArgs& a) {
  Layout l;
  const int64_t h = a.x.dim[1];
  l.half = (h / 2 + 1 + kLanes - 1) / kLanes * kLanes;  // columns of spectra kept, whole vectors
  l.im = a.x.dim[0] * l.half;
  l.thread = 2 * l.im;
  int64_t longest = h;
  for (int64_t s = 0; s < a.span_count; ++s)
    if (a.spans[s].length > longest) longest = a.spans[s].length;
  l.size = longest * kLanes;
  return l;
}

int64_t workspace(const void* p, int threads) {
  const Layout l = layout(*static_cast<const FourierMixArgs*>(p));
  return (l.thread + 4 * l.size * threads) * 4;
}

struct Buffers {
  Lanes x, y;
};
RIDGE_INLINE Buffers buffers(const Layout& l, const Exec& exec, int thread) {
  float* b = static_cast<float*>(exec.workspace) + l.thread + 4 * l.size * thread;
  return {{b, b + l.size}, {b + 2 * l.size, b + 3 * l.size}};
}

// Spectra of rows [begin, end), at most 2 * kLanes of one text.
void rows(const FourierMixArgs& a, const Layout& l, const Exec& exec, int64_t begin, int64_t end,
          int thread) {
  const int64_t h = a.x.dim[1];
  const Buffers b = buffers(l, exec, thread);
  const float* x = static_cast<const float*>(a.x.data);
  for (int lane = 0; lane < kLanes; ++lane) {
    const int64_t r = begin + 2 * lane;
    for (int64_t i = 0; i < h; ++i) {
      b.x.re[i * kLanes + lane] = r < end ? x[r * h + i] : 0.0f;
      b.x.im[i * kLanes + lane] = r + 1 < end ? x[(r + 1) * h + i] : 0.0f;
    }
  }
  const Lanes z = transform(*a.width, b.x, b.y);
  float* re = static_cast<float*>(exec.workspace);
  float* im = re + l.im;
  for (int64_t k = 0; k < l.half; ++k) {
    const bool there = k <= h / 2;
    const int64_t back = there && k > 0 ? h - k : 0;
    for (int64_t r = begin; r < end; ++r) {
      const int64_t lane = (r - begin) / 2, at = k * kLanes + lane, mirror = back * kLanes + lane;
      float c = 0, d = 0;
      if (there && (r - begin) % 2 == 0)
        c = 0.5f * (z.re[at] + z.re[mirror]), d = 0.5f * (z.im[at] - z.im[mirror]);
      else if (there)
        c = 0.5f * (z.im[at] + z.im[mirror]), d = 0.5f * (z.re[mirror] - z.re[at]);
      re[r * l.half + k] = c, im[r * l.half + k] = d;
    }
  }
}

// Columns [k, k + kLanes) of the spectra of a text.
void columns(const FourierMixArgs& a, const Layout& l, const Exec& exec, int64_t span, int64_t k,
             int thread) {
  const int64_t h = a.x.dim[1], begin = a.spans[span].begin, n = a.spans[span].length;
  const Buffers b = buffers(l, exec, thread);
  const float* re = static_cast<const float*>(exec.workspace);
  for (int64_t t = 0; t < n; ++t)
    put(b.x, t, {load(re + (begin + t) * l.half + k), load(re + l.im + (begin + t) * l.half + k)});
  const Lanes z = transform(a.lengths[span], b.x, b.y);
  float* y = static_cast<float*>(a.y.data) + begin * h;
  for (int64_t m = 0; m < n; ++m)
    for (int64_t i = 0; i < kLanes && k + i <= h / 2; ++i) {
      const int64_t column = k + i;
      y[m * h + column] = z.re[m * kLanes + i];
      if (column > 0 && 2 * column < h) y[m * h + h - column] = z.re[(m > 0 ? n - m : 0) * kLanes + i];
    }
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const FourierMixArgs*>(p);
  const Layout l = layout(a);
  for (int64_t s = 0; s < a.span_count; ++s) {
    const int64_t first = a.spans[s].begin, n = a.spans[s].length, group = 2 * kLanes;
    for_each_chunk(exec, (n + group - 1) / group, 1, [&](int64_t from, int64_t to, int thread) {
      for (int64_t g = from; g < to; ++g) {
        const int64_t end = (g + 1) * group < n ? (g + 1) * group : n;
        rows(a, l, exec, first + g * group, first + end, thread);
      }
    });
    for_each_chunk(exec, l.half / kLanes, 1, [&](int64_t from, int64_t to, int thread) {
      for (int64_t g = from; g < to; ++g) columns(a, l, exec, s, g * kLanes, thread);
    });
  }
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"fourier_mix",
                                 "fft." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,
                                 Rounding::f32,
                                 nullptr,
                                 RIDGE_ISA_NS::workspace,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "Stockham 1966; Cooley and Tukey 1965"};
}  // namespace tables
}  // namespace ridge
