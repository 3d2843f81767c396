// All experts of a token in one pass over its row.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/mix_experts/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

void token(const float* x, const float* w, float* y, int64_t k, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    F32 s{};
    for (int64_t j = 0; j < k; ++j) s = fma(set1(w[j]), load(x + j * n + i), s);
    store(y + i, s);
  }
  if (i == n) return;
  F32 s{};
  for (int64_t j = 0; j < k; ++j) s = fma(set1(w[j]), load_n(x + j * n + i, n - i), s);
  store_n(y + i, s, n - i);
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const MixExpertsArgs*>(p);
  const int64_t k = a.x.dim[1], n = a.x.dim[2];
  for_each_chunk(exec, a.y.dim[0], 1 + 8192 / (k * n + 1), [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t)
      token(static_cast<const float*>(a.x.data) + t * k * n,
            static_cast<const float*>(a.weights.data) + t * k, static_cast<float*>(a.y.data) + t * n, k, n);
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"mix_experts",     "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,        RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,  Rounding::f32,
                                 nullptr,           nullptr,
                                 RIDGE_ISA_NS::run, nullptr,
                                 "definition"};
}  // namespace tables
}  // namespace ridge
