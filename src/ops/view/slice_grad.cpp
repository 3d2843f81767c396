// Zeros with the gradient of the slice copied in.
#include <cstring>

#include "ops/view/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const SliceGradArgs*>(p);
  const int64_t before = a.begin * a.inner, own = (a.end - a.begin) * a.inner;
  const int64_t after = (a.extent - a.end) * a.inner, whole = a.extent * a.inner;
  for_each_chunk(exec, a.outer, 1 + 16384 / (whole + 1), [&](int64_t first, int64_t last, int) {
    for (int64_t o = first; o < last; ++o) {
      float* dx = a.dx + o * whole;
      std::memset(dx, 0, static_cast<size_t>(before) * 4);
      std::memcpy(dx + before, a.dy + o * own, static_cast<size_t>(own) * 4);
      std::memset(dx + before + own, 0, static_cast<size_t>(after) * 4);
    }
  });
}

}  // namespace
namespace tables {
extern const Kernel kernel_view_slice_grad;
const Kernel kernel_view_slice_grad{"slice_grad", "rows",  kDeviceCpu, 0,       10,          Rounding::f32,
                                    nullptr,      nullptr, run,        nullptr, "definition"};
}  // namespace tables
}  // namespace ridge
