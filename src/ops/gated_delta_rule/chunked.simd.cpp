// Chunks of tokens as products of matrices, heads over threads; sequences of a few tokens token by token.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/delta_chunk.h"
#include "ops/gated_delta_rule/head.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

constexpr int64_t kFewest = 16;

int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

const char* accepts(const void* p) {
  const auto& a = *static_cast<const GatedDeltaRuleArgs*>(p);
  for (int64_t i = 0; i < a.span_count; ++i)
    if (a.spans[i].length >= kFewest) return nullptr;
  return "sequences of fewer than 16 tokens go token by token";
}

int64_t scratch_floats(const void* p) {
  const auto& a = *static_cast<const GatedDeltaRuleArgs*>(p);
  return round_up(larger(Chunk<Rule::gated_delta>::floats(a.q.dim[2], a.v.dim[2]), serial_floats(a.q.dim[2])),
                  16);
}

int64_t workspace(const void* p, int threads) { return scratch_floats(p) * 4 * threads; }

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const GatedDeltaRuleArgs*>(p);
  const int64_t heads = a.v.dim[1], floats = scratch_floats(p);
  for_each_chunk(exec, a.span_count * heads, 1, [&](int64_t begin, int64_t end, int thread) {
    float* scratch = static_cast<float*>(exec.workspace) + thread * floats;
    for (int64_t i = begin; i < end; ++i) {
      const HeadSequence h = head_of<HeadSequence>(a, a.spans[i / heads], i % heads);
      if (h.length < kFewest) {
        serial<Rule::gated_delta>(h, scratch);
      } else {
        Chunk<Rule::gated_delta> chunk;
        chunk.run(h, scratch);
      }
    }
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"gated_delta_rule",
                                 "chunked." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK + 1,
                                 Rounding::f32,
                                 RIDGE_ISA_NS::accepts,
                                 RIDGE_ISA_NS::workspace,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "Yang et al. 2025, section 3.3"};
}  // namespace tables
}  // namespace ridge
