// Channels are independent: vectors of them, over threads, each through all tokens with its state in
// registers. Of the two exponentials of a step one is always of 0: a single e^-|difference| serves both.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/wkv4/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct Pair {
  F32 first, second;
};
// (e^(a - max), e^(b - max)) and the maximum.
RIDGE_INLINE Pair shares(F32 a, F32 b, F32& top) {
  const I32 larger = a > b;
  top = select(larger, a, b);
  const F32 e = exp(-abs(a - b)), one = set1(1);
  return {select(larger, one, e), select(larger, e, one)};
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const Wkv4Args*>(p);
  const int64_t n = a.k.dim[1], blocks = (n + kLanes - 1) / kLanes;
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
      float* sums = a.sums.data ? static_cast<float*>(a.sums.data) + span.slot * 2 * n + i : nullptr;
      float* largest = a.largest.data ? static_cast<float*>(a.largest.data) + span.slot * n + i : nullptr;
      F32 over = sums ? get(sums) : F32{}, under = sums ? get(sums + n) : F32{};
      F32 top = largest ? get(largest) : set1(kWkv4Least);
      const F32 decay = get(static_cast<const float*>(a.decay.data) + i),
                first = get(static_cast<const float*>(a.first.data) + i);
      for (int64_t t = span.begin; t < span.begin + span.length; ++t) {
        const F32 k = get(static_cast<const float*>(a.k.data) + t * a.k.stride[0] + i),
                  v = get(static_cast<const float*>(a.v.data) + t * a.v.stride[0] + i);
        F32 most;
        const Pair out = shares(top, k + first, most);
        put(static_cast<float*>(a.y.data) + t * n + i,
            fma(out.first, over, out.second * v) / fma(out.first, under, out.second));
        const Pair next = shares(top + decay, k, top);
        over = fma(next.first, over, next.second * v);
        under = fma(next.first, under, next.second);
      }
      if (sums) put(sums, over), put(sums + n, under);
      if (largest) put(largest, top);
    }
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"wkv4",
                                 "channels." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,
                                 Rounding::f32,
                                 nullptr,
                                 nullptr,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "Peng et al. 2023, appendix D"};
}  // namespace tables
}  // namespace ridge
