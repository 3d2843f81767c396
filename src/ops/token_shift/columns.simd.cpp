// Columns over threads: a block of columns owns its part of the state, which is read before it is written.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/token_shift/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

void move(const float* from, float* to, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(to + i, load(from + i));
  if (i < n) store_n(to + i, load_n(from + i, n - i), n - i);
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const TokenShiftArgs*>(p);
  const int64_t n = a.x.dim[1];
  for_each_chunk(exec, n, 256, [&](int64_t begin, int64_t end, int) {
    for (int64_t s = 0; s < a.span_count; ++s) {
      const SequenceSpan& span = a.spans[s];
      if (span.length == 0) continue;
      const float* x = static_cast<const float*>(a.x.data) + span.begin * a.x.stride[0] + begin;
      float* y = static_cast<float*>(a.y.data) + span.begin * n + begin;
      float* state = a.state.data ? static_cast<float*>(a.state.data) + span.slot * n + begin : nullptr;
      if (state)
        move(state, y, end - begin);
      else
        for (int64_t i = 0; i < end - begin; ++i) y[i] = 0;
      for (int64_t t = 1; t < span.length; ++t) move(x + (t - 1) * a.x.stride[0], y + t * n, end - begin);
      if (state) move(x + (span.length - 1) * a.x.stride[0], state, end - begin);
    }
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"token_shift",     "columns." RIDGE_ISA_NAME,
                                 kDeviceCpu,        RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,  Rounding::f32,
                                 nullptr,           nullptr,
                                 RIDGE_ISA_NS::run, nullptr,
                                 "Peng et al. 2023"};
}  // namespace tables
}  // namespace ridge
