// dx = dy act'(x).
#include "base/cpu_features.h"
#include "ops/activation/functions.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

template <Activation kind>
void rows(const ActivationGradArgs& a, int64_t begin, int64_t end) {
  const int64_t n = a.x.dim[1];
  for (int64_t r = begin; r < end; ++r) {
    const float *x = row_of(a.x, r), *dy = row_of(a.dy, r);
    float* dx = row_of(a.dx, r);
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) store(dx + i, load(dy + i) * derivative<kind>(load(x + i)));
    if (i < n) store_n(dx + i, load_n(dy + i, n - i) * derivative<kind>(load_n(x + i, n - i)), n - i);
  }
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const ActivationGradArgs*>(p);
  for_each_chunk(exec, a.x.dim[0], 1 + 4096 / (a.x.dim[1] + 1), [&](int64_t begin, int64_t end, int) {
    with_kind(a.activation, [&]<Activation kind>() { rows<kind>(a, begin, end); });
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"activation_grad", "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,        RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,  Rounding::f32,
                                 nullptr,           nullptr,
                                 RIDGE_ISA_NS::run, nullptr,
                                 "definition"};
}  // namespace tables
}  // namespace ridge
