// Sines once a token and pair, in double by the C library; then all heads of the token.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/rope/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

// A thread's table: the cosines, then the sines. Interleaved, each value stands twice and every other sine is
// negated, so that y = c * x + s * swapped(x).
int64_t table_floats(const RopeArgs& a) { return (4 * a.frequencies.dim[0] + 15) / 16 * 16; }
int64_t workspace(const void* p, int threads) {
  return table_floats(*static_cast<const RopeArgs*>(p)) * 4 * threads;
}

void fill(const RopeArgs& a, int32_t position, float* table) {
  const int64_t half = a.frequencies.dim[0];
  const double factor = a.factor, sine_factor = factor * a.direction;
  for (int64_t i = 0; i < half; ++i) {
    const double angle = static_cast<float>(position) * static_cast<const float*>(a.frequencies.data)[i];
    const float c = static_cast<float>(__builtin_cos(angle) * factor);
    const float s = static_cast<float>(__builtin_sin(angle) * sine_factor);
    if (a.interleaved) {
      table[2 * i] = table[2 * i + 1] = c;
      table[2 * half + 2 * i] = -s, table[2 * half + 2 * i + 1] = s;
    } else {
      table[i] = c, table[half + i] = s;
    }
  }
}

RIDGE_INLINE void split_pairs(const float* x, float* y, const float* c, const float* s, int64_t half) {
  int64_t i = 0;
  for (; i + kLanes <= half; i += kLanes) {
    const F32 a = load(x + i), b = load(x + half + i), cos = load(c + i), sin = load(s + i);
    store(y + i, fma(cos, a, -(sin * b)));
    store(y + half + i, fma(sin, a, cos * b));
  }
  if (i == half) return;
  const int64_t n = half - i;
  const F32 a = load_n(x + i, n), b = load_n(x + half + i, n), cos = load_n(c + i, n), sin = load_n(s + i, n);
  store_n(y + i, fma(cos, a, -(sin * b)), n);
  store_n(y + half + i, fma(sin, a, cos * b), n);
}

RIDGE_INLINE F32 swapped(F32 v) {
#if defined(__AVX512F__)
  return (F32)_mm512_permute_ps((__m512)v, 0xb1);
#elif defined(__AVX2__)
  return (F32)_mm256_permute_ps((__m256)v, 0xb1);
#else
  return __builtin_shufflevector(v, v, 1, 0, 3, 2);
#endif
}

RIDGE_INLINE void neighbours(const float* x, float* y, const float* c, const float* s, int64_t dims) {
  int64_t i = 0;
  for (; i + kLanes <= dims; i += kLanes) {
    const F32 v = load(x + i);
    store(y + i, fma(load(c + i), v, load(s + i) * swapped(v)));
  }
  if (i == dims) return;
  const int64_t n = dims - i;
  const F32 v = load_n(x + i, n);
  store_n(y + i, fma(load_n(c + i, n), v, load_n(s + i, n) * swapped(v)), n);
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const RopeArgs*>(p);
  const int64_t heads = a.x.dim[1], d = a.x.dim[2], half = a.frequencies.dim[0];
  for_each_chunk(exec, a.x.dim[0], 1 + 2048 / (heads * d + 1), [&](int64_t begin, int64_t end, int thread) {
    float* const c = static_cast<float*>(exec.workspace) + table_floats(a) * thread;
    const float* s = c + (a.interleaved ? 2 * half : half);
    for (int64_t t = begin; t < end; ++t) {
      fill(a, static_cast<const int32_t*>(a.positions.data)[t], c);
      for (int64_t h = 0; h < heads; ++h) {
        const float* x = static_cast<const float*>(a.x.data) + t * a.x.stride[0] + h * a.x.stride[1];
        float* y = static_cast<float*>(a.y.data) + (t * heads + h) * d;
        if (a.interleaved)
          neighbours(x, y, c, s, 2 * half);
        else
          split_pairs(x, y, c, s, half);
        for (int64_t i = 2 * half; i < d; ++i) y[i] = x[i];
      }
    }
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"rope",
                                 "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,
                                 Rounding::f32,
                                 nullptr,
                                 RIDGE_ISA_NS::workspace,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "Su et al. 2021, eq. 34"};
}  // namespace tables
}  // namespace ridge
