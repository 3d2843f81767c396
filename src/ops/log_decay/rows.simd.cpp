// Rows over threads.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/log_decay/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

// ln(1 + z) for z in [0, 1]: with s = z / (2 + z) <= 1/3 it is 2 (s + s^3/3 + s^5/5 ...), to below 1e-8.
RIDGE_INLINE F32 log1p_unit(F32 z) {
  const F32 s = z / (z + 2.0f), q = s * s;
  F32 p = set1(2.0f / 15);
  p = fma(p, q, set1(2.0f / 13));
  p = fma(p, q, set1(2.0f / 11));
  p = fma(p, q, set1(2.0f / 9));
  p = fma(p, q, set1(2.0f / 7));
  p = fma(p, q, set1(2.0f / 5));
  p = fma(p, q, set1(2.0f / 3));
  return fma(p * q, s, 2.0f * s);
}

template <Decay decay>
RIDGE_INLINE F32 value(F32 x) {
  if (decay == Decay::exp) return -exp(x);
  if (decay == Decay::sigmoid) return -0.60653065971263342f / (1.0f + exp(-x));
  return -(max(x, F32{}) + log1p_unit(exp(-abs(x))));
}

template <Decay decay>
void rows(const LogDecayArgs& a, const Exec& exec) {
  const int64_t n = a.x.dim[1];
  const auto *bias = static_cast<const float*>(a.bias.data), *rate = static_cast<const float*>(a.rate.data);
  for_each_chunk(exec, a.x.dim[0], 8, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float* x = static_cast<const float*>(a.x.data) + r * a.x.stride[0];
      float* y = static_cast<float*>(a.y.data) + r * a.y.stride[0];
      for (int64_t i = 0; i < n; i += kLanes) {
        const int64_t m = n - i;
        const auto take = [&](const float* p) { return m >= kLanes ? load(p + i) : load_n(p + i, m); };
        F32 v = value<decay>(bias ? take(x) + take(bias) : take(x));
        if (rate) v = v * take(rate);
        if (m >= kLanes)
          store(y + i, v);
        else
          store_n(y + i, v, m);
      }
    }
  });
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const LogDecayArgs*>(p);
  if (a.decay == Decay::exp) return rows<Decay::exp>(a, exec);
  if (a.decay == Decay::sigmoid) return rows<Decay::sigmoid>(a, exec);
  rows<Decay::softplus>(a, exec);
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"log_decay",       "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,        RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,  Rounding::f32,
                                 nullptr,           nullptr,
                                 RIDGE_ISA_NS::run, nullptr,
                                 "by hand"};
}  // namespace tables
}  // namespace ridge
