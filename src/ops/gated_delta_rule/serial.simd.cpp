// Token by token, heads over threads: the fastest for a few tokens.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/delta_rule.h"
#include "ops/gated_delta_rule/head.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

int64_t scratch_floats(const void* p) {
  const auto& a = *static_cast<const GatedDeltaRuleArgs*>(p);
  return round_up(serial_floats(a.q.dim[2]), 16);
}

int64_t workspace(const void* p, int threads) { return scratch_floats(p) * 4 * threads; }

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const GatedDeltaRuleArgs*>(p);
  const int64_t heads = a.v.dim[1], floats = scratch_floats(p);
  for_each_chunk(exec, a.span_count * heads, 1, [&](int64_t begin, int64_t end, int thread) {
    float* scratch = static_cast<float*>(exec.workspace) + thread * floats;
    for (int64_t i = begin; i < end; ++i) {
      serial<Rule::gated_delta>(head_of<HeadSequence>(a, a.spans[i / heads], i % heads), scratch);
    }
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"gated_delta_rule",
                                 "serial." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,
                                 Rounding::f32,
                                 nullptr,
                                 RIDGE_ISA_NS::workspace,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "Yang et al. 2025, eq. 10"};
}  // namespace tables
}  // namespace ridge
