// dgate = dy up act'(gate), dup = dy act(gate), in one pass.
#include "base/cpu_features.h"
#include "ops/activation/functions.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

template <Activation kind>
RIDGE_INLINE void step(F32 gate, F32 up, F32 dy, F32* dgate, F32* dup) {
  *dgate = dy * up * derivative<kind>(gate);
  *dup = dy * act<kind>(gate);
}

template <Activation kind>
void rows(const GatedGradArgs& a, int64_t begin, int64_t end) {
  const int64_t n = a.gate.dim[1];
  for (int64_t r = begin; r < end; ++r) {
    const float *gate = row_of(a.gate, r), *up = row_of(a.up, r), *dy = row_of(a.dy, r);
    float *dgate = row_of(a.dgate, r), *dup = row_of(a.dup, r);
    F32 g, u;
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      step<kind>(load(gate + i), load(up + i), load(dy + i), &g, &u);
      store(dgate + i, g), store(dup + i, u);
    }
    if (i == n) continue;
    step<kind>(load_n(gate + i, n - i), load_n(up + i, n - i), load_n(dy + i, n - i), &g, &u);
    store_n(dgate + i, g, n - i), store_n(dup + i, u, n - i);
  }
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const GatedGradArgs*>(p);
  for_each_chunk(exec, a.gate.dim[0], 1 + 4096 / (a.gate.dim[1] + 1), [&](int64_t begin, int64_t end, int) {
    with_kind(a.activation, [&]<Activation kind>() { rows<kind>(a, begin, end); });
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"gated_grad",      "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,        RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,  Rounding::f32,
                                 nullptr,           nullptr,
                                 RIDGE_ISA_NS::run, nullptr,
                                 "Shazeer 2020"};
}  // namespace tables
}  // namespace ridge
