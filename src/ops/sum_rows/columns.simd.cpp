// Columns over threads, each sum in the order of the rows whatever the number of threads.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/sum_rows/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

// kLanes columns from c: in runs of 64 rows, so that the error does not grow with all of them.
RIDGE_INLINE F32 sum(const SumRowsArgs& a, int64_t c, int64_t width) {
  const float* x = static_cast<const float*>(a.x.data) + c;
  F32 total{};
  for (int64_t r = 0; r < a.x.dim[0];) {
    const int64_t end = r + 64 < a.x.dim[0] ? r + 64 : a.x.dim[0];
    F32 s{};
    for (; r < end; ++r) {
      const float* p = x + r * a.x.stride[0];
      s += width == kLanes ? load(p) : load_n(p, width);
    }
    total += s;
  }
  return total;
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const SumRowsArgs*>(p);
  auto* const y = static_cast<float*>(a.y.data);
  for_each_chunk(exec, a.x.dim[1], 64, [&](int64_t begin, int64_t end, int) {
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) store(y + i, sum(a, i, kLanes));
    if (i < end) store_n(y + i, sum(a, i, end - i), end - i);
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"sum_rows",        "columns." RIDGE_ISA_NAME,
                                 kDeviceCpu,        RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,  Rounding::f32,
                                 nullptr,           nullptr,
                                 RIDGE_ISA_NS::run, nullptr,
                                 "definition"};
}  // namespace tables
}  // namespace ridge
