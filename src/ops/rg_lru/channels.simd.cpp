// Channels are independent: vectors of them, over threads, each through all tokens with its state in a
// register.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/rg_lru/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

RIDGE_INLINE F32 sigmoid(F32 x) { return 1.0f / (1.0f + exp(-x)); }

// ln(1 + e^x)
RIDGE_INLINE F32 softplus(F32 x) {
  const F32 z = exp(-abs(x)), s = z / (z + 2.0f), q = s * s;
  F32 p = set1(2.0f / 15);
  p = fma(p, q, set1(2.0f / 13));
  p = fma(p, q, set1(2.0f / 11));
  p = fma(p, q, set1(2.0f / 9));
  p = fma(p, q, set1(2.0f / 7));
  p = fma(p, q, set1(2.0f / 5));
  p = fma(p, q, set1(2.0f / 3));
  return max(x, F32{}) + fma(p * q, s, 2.0f * s);
}

// 1 - e^z for z <= 0, without cancellation near 0.
RIDGE_INLINE F32 one_minus_exp(F32 z) {
  F32 p = set1(1.0f / 40320);
  p = fma(p, z, set1(1.0f / 5040));
  p = fma(p, z, set1(1.0f / 720));
  p = fma(p, z, set1(1.0f / 120));
  p = fma(p, z, set1(1.0f / 24));
  p = fma(p, z, set1(1.0f / 6));
  p = fma(p, z, set1(0.5f));
  p = fma(p, z, set1(1.0f));
  return select(z > -0.5f, -(p * z), 1.0f - exp(z));
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const RgLruArgs*>(p);
  const int64_t n = a.x.dim[1], blocks = (n + kLanes - 1) / kLanes;
  for_each_chunk(exec, a.span_count * blocks, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t task = begin; task < end; ++task) {
      const SequenceSpan& span = a.spans[task / blocks];
      const int64_t i = task % blocks * kLanes, m = n - i < kLanes ? n - i : kLanes;
      const auto get = [&](const float* q) { return m == kLanes ? load(q) : load_n(q, m); };
      const auto put = [&](float* q, F32 x) {
        if (m == kLanes)
          store(q, x);
        else
          store_n(q, x, m);
      };
      const auto at = [&](const View& v, int64_t t) {
        return get(static_cast<const float*>(v.data) + t * v.stride[0] + i);
      };
      float* state = a.state.data ? static_cast<float*>(a.state.data) + span.slot * n + i : nullptr;
      const F32 rate = -8.0f * softplus(get(static_cast<const float*>(a.parameter.data) + i));
      F32 h = state ? get(state) : F32{};
      for (int64_t t = span.begin; t < span.begin + span.length; ++t) {
        const F32 log_a = rate * sigmoid(at(a.forget, t)), x = sigmoid(at(a.input, t)) * at(a.x, t);
        h = a.positions[t] == 0 ? x : fma(exp(log_a), h, sqrt(one_minus_exp(log_a + log_a)) * x);
        put(static_cast<float*>(a.y.data) + t * n + i, h);
      }
      if (state) put(state, h);
    }
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"rg_lru",
                                 "channels." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,
                                 Rounding::f32,
                                 nullptr,
                                 nullptr,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "De et al. 2024, appendix A"};
}  // namespace tables
}  // namespace ridge
