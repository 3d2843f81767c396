// act(gate) * up in one pass.
#include "base/cpu_features.h"
#include "ops/activation/functions.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

template <Activation kind>
void rows(const GatedArgs& a, int64_t begin, int64_t end) {
  const int64_t n = a.y.dim[1];
  for (int64_t r = begin; r < end; ++r) {
    const float *gate = row_of(a.gate, r), *up = row_of(a.up, r);
    float* y = row_of(a.y, r);
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) store(y + i, act<kind>(load(gate + i)) * load(up + i));
    if (i < n) store_n(y + i, act<kind>(load_n(gate + i, n - i)) * load_n(up + i, n - i), n - i);
  }
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const GatedArgs*>(p);
  for_each_chunk(exec, a.y.dim[0], 1 + 4096 / (a.y.dim[1] + 1), [&](int64_t begin, int64_t end, int) {
    with_kind(a.activation, [&]<Activation kind>() { rows<kind>(a, begin, end); });
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"gated",           "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,        RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,  Rounding::f32,
                                 nullptr,           nullptr,
                                 RIDGE_ISA_NS::run, nullptr,
                                 "Shazeer 2020"};
}  // namespace tables
}  // namespace ridge
