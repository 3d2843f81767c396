#include <algorithm>
#include <cmath>
#include "device/device.h"
#include "ops/wkv4/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const Wkv4Args*>(p);
  const int64_t n = a.k.dim[1];
  for (int64_t s = 0; s < a.span_count; ++s)
    for (int64_t i = 0; i < n; ++i) {
      const SequenceSpan& span = a.spans[s];
      float* sums = a.sums.data ? static_cast<float*>(a.sums.data) + span.slot * 2 * n + i : nullptr;
      float* largest = a.largest.data ? static_cast<float*>(a.largest.data) + span.slot * n + i : nullptr;
      double over = sums ? sums[0] : 0, under = sums ? sums[n] : 0, top = largest ? *largest : kWkv4Least;
      const double decay = static_cast<const float*>(a.decay.data)[i],
                   first = static_cast<const float*>(a.first.data)[i];
      for (int64_t t = span.begin; t < span.begin + span.length; ++t) {
        const double k = static_cast<const float*>(a.k.data)[t * a.k.stride[0] + i];
        const double v = static_cast<const float*>(a.v.data)[t * a.v.stride[0] + i];
        const double most = std::max(top, k + first), old = std::exp(top - most),
                     now = std::exp(k + first - most);
        static_cast<float*>(a.y.data)[t * n + i] =
            static_cast<float>((old * over + now * v) / (old * under + now));
        const double next = std::max(top + decay, k), keep = std::exp(top + decay - next),
                     add = std::exp(k - next);
        over = keep * over + add * v;
        under = keep * under + add;
        top = next;
      }
      if (sums) sums[0] = static_cast<float>(over), sums[n] = static_cast<float>(under);
      if (largest) *largest = static_cast<float>(top);
    }
}

}  // namespace

namespace tables {
extern const Kernel kernel_wkv4_reference;
const Kernel kernel_wkv4_reference{
    "wkv4", "reference", DeviceKind::cpu,           0, 0, Rounding::f32, nullptr, nullptr,
    run,    nullptr,     "Peng et al. 2023, eq. 16"};
}  // namespace tables
}  // namespace ridge
