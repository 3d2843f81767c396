// The activation functions and their derivatives, a vector at a time. For files compiled for an instruction
// set of their own only. Errors are a few units in the last place of the result, also where it is small.
#pragma once
#include "base/simd.h"
#include "ops/activation/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

// tanh keeping its relative accuracy near 0: an odd polynomial to |x| = 0.65 (fitted, 6e-9 of tanh), else by
// the exponential.
RIDGE_INLINE F32 tanh_near(F32 x) {
  const F32 z = x * x;
  F32 p = set1(-5.528546036e-3f);
  p = fma(p, z, set1(2.048323493e-2f));
  p = fma(p, z, set1(-5.369294241e-2f));
  p = fma(p, z, set1(1.333089945e-1f));
  p = fma(p, z, set1(-3.333326287e-1f));
  return select(abs(x) < 0.65f, fma(p * z, x, x), tanh(x));
}

// Phi(x), the normal distribution: for x <= 0 e^(-x^2/2) P(1 / (1 - 0.3 x)), P fitted to 6e-8 of the value;
// for x > 0 by symmetry. `density` gets e^(-x^2/2).
RIDGE_INLINE F32 normal_cdf(F32 x, F32* density) {
  const F32 a = abs(x);
  const F32 t = 1.0f / fma(set1(0.3f), a, set1(1.0f));
  F32 p = set1(3.833422152e-2f);
  p = fma(p, t, set1(-1.689517641e-1f));
  p = fma(p, t, set1(2.282169596e-1f));
  p = fma(p, t, set1(-7.599925484e-2f));
  p = fma(p, t, set1(1.421848611e-1f));
  p = fma(p, t, set1(9.483304697e-2f));
  p = fma(p, t, set1(1.218820404e-1f));
  p = fma(p, t, set1(1.194930652e-1f));
  p = fma(p, t, set1(6.852850711e-6f));
  // What the square loses to rounding goes back in (where there is a fused multiply-add): at |x| = 10 it
  // would be 3e-6 of the result. Beyond 13.2 the density is 0 in f32; the bound keeps a - a finite.
  const F32 c = select(a > 14.0f, set1(14.0f), a);
  const F32 square = c * c, lost = fma(c, c, -square);
  *density = exp(-0.5f * square) * fma(set1(-0.5f), lost, set1(1.0f));
  const F32 tail = *density * p;
  return select(x > 0.0f, 1.0f - tail, tail);
}

// min(max(x + 3, 0), 6) / 6; NaN stays.
RIDGE_INLINE F32 hard_logistic(F32 x) {
  F32 y = x + 3.0f;
  y = select(y < 0.0f, F32{}, y);
  return select(y > 6.0f, set1(6.0f), y) * (1.0f / 6.0f);
}

RIDGE_INLINE F32 logistic(F32 x) { return 1.0f / (1.0f + exp(-x)); }

constexpr float kTanhScale = 0.79788456080286536f;  // sqrt(2 / pi)
constexpr float kTanhCubic = 0.044715f;

template <Activation kind>
RIDGE_INLINE F32 act(F32 x) {
  F32 density;
  switch (kind) {
    case Activation::silu:
      return x / (1.0f + exp(-x));
    case Activation::gelu:
      return x * normal_cdf(x, &density);
    case Activation::gelu_tanh:  // 1/2 (1 + tanh u) = logistic(2u)
      return x * logistic(2.0f * kTanhScale * fma(kTanhCubic * x * x, x, x));
    case Activation::quick_gelu:
      return x * logistic(1.702f * x);
    case Activation::relu:
      return select(x < 0.0f, F32{}, x);  // NaN stays
    case Activation::relu2:
      x = select(x < 0.0f, F32{}, x);
      return x * x;
    case Activation::sigmoid:
      return logistic(x);
    case Activation::tanh:
      return tanh_near(x);
    case Activation::hard_sigmoid:
      return hard_logistic(x);
    case Activation::hard_swish:  // beyond -3 a zero, also for x = -inf
      return select(x < -3.0f, F32{}, x * hard_logistic(x));
  }
  return x;
}

template <Activation kind>
RIDGE_INLINE F32 derivative(F32 x) {
  F32 s, density;
  switch (kind) {
    case Activation::silu:
      s = logistic(x);
      return s * fma(x, 1.0f - s, set1(1.0f));
    case Activation::gelu:
      s = normal_cdf(x, &density);
      return fma(0.39894228040143268f * x, density, s);
    case Activation::gelu_tanh:
      s = logistic(2.0f * kTanhScale * fma(kTanhCubic * x * x, x, x));
      return s *
             fma(x * (1.0f - s), 2.0f * kTanhScale * fma(3.0f * kTanhCubic * x, x, set1(1.0f)), set1(1.0f));
    case Activation::quick_gelu:
      s = logistic(1.702f * x);
      return s * fma(1.702f * x, 1.0f - s, set1(1.0f));
    case Activation::relu:
      return select(x > 0.0f, set1(1.0f), F32{});
    case Activation::relu2:
      return select(x > 0.0f, 2.0f * x, F32{});
    case Activation::sigmoid:
      s = logistic(x);
      return s * (1.0f - s);
    case Activation::tanh:
      s = tanh_near(x);
      return 1.0f - s * s;
    case Activation::hard_sigmoid:
      return select(abs(x) < 3.0f, set1(1.0f / 6.0f), F32{});
    case Activation::hard_swish:
      s = select(x < 0.0f, F32{}, set1(1.0f));
      return select(abs(x) < 3.0f, fma(set1(1.0f / 3.0f), x, set1(0.5f)), s);
  }
  return x;
}

// Calls fn.template operator()<kind>() for the kind given at run time.
template <typename F>
RIDGE_INLINE void with_kind(Activation kind, F&& fn) {
  switch (kind) {
    case Activation::silu:
      return fn.template operator()<Activation::silu>();
    case Activation::gelu:
      return fn.template operator()<Activation::gelu>();
    case Activation::gelu_tanh:
      return fn.template operator()<Activation::gelu_tanh>();
    case Activation::quick_gelu:
      return fn.template operator()<Activation::quick_gelu>();
    case Activation::relu:
      return fn.template operator()<Activation::relu>();
    case Activation::relu2:
      return fn.template operator()<Activation::relu2>();
    case Activation::sigmoid:
      return fn.template operator()<Activation::sigmoid>();
    case Activation::tanh:
      return fn.template operator()<Activation::tanh>();
    case Activation::hard_sigmoid:
      return fn.template operator()<Activation::hard_sigmoid>();
    case Activation::hard_swish:
      return fn.template operator()<Activation::hard_swish>();
  }
}

RIDGE_INLINE float* row_of(const View& v, int64_t r) { return static_cast<float*>(v.data) + r * v.stride[0]; }

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge
