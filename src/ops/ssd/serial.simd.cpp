// Token by token, heads over threads: what a decode step does, whatever the length.
#include "ops/ssd/serial.h"

#include "base/cpu_features.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

int64_t workspace(const void* p, int threads) {
  const auto& s = *static_cast<const SsdArgs*>(p);
  return s.b.dim[2] * padded(s.x.dim[2]) * 4 * threads;
}

void run(const void* p, const Exec& exec) {
  const auto& s = *static_cast<const SsdArgs*>(p);
  const int64_t heads = s.x.dim[1], room = s.b.dim[2] * padded(s.x.dim[2]);
  for_each_chunk(exec, s.span_count * heads, 1, [&](int64_t begin, int64_t end, int thread) {
    for (int64_t u = begin; u < end; ++u)
      serial_head(s, s.spans[u / heads], u % heads, static_cast<float*>(exec.workspace) + room * thread);
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"ssd",
                                 "serial." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK - 5,
                                 Rounding::f32,
                                 nullptr,
                                 RIDGE_ISA_NS::workspace,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "Dao and Gu 2024, equation 1"};
}  // namespace tables
}  // namespace ridge
