#include <cstring>

#include "device/device.h"
#include "ops/token_shift/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const TokenShiftArgs*>(p);
  const int64_t n = a.x.dim[1];
  const auto bytes = static_cast<size_t>(n) * sizeof(float);
  for (int64_t s = 0; s < a.span_count; ++s) {
    const SequenceSpan& span = a.spans[s];
    if (span.length == 0) continue;
    float* state = a.state.data ? static_cast<float*>(a.state.data) + span.slot * n : nullptr;
    const auto x = [&](int64_t t) {
      return static_cast<const float*>(a.x.data) + (span.begin + t) * a.x.stride[0];
    };
    const auto y = [&](int64_t t) { return static_cast<float*>(a.y.data) + (span.begin + t) * n; };
    if (state)
      std::memcpy(y(0), state, bytes);
    else
      std::memset(y(0), 0, bytes);
    for (int64_t t = 1; t < span.length; ++t) std::memcpy(y(t), x(t - 1), bytes);
    if (state) std::memcpy(state, x(span.length - 1), bytes);
  }
}

}  // namespace

namespace tables {
extern const Kernel kernel_token_shift_reference;
const Kernel kernel_token_shift_reference{"token_shift",
                                          "reference",
                                          DeviceKind::cpu,
                                          0,
                                          0,
                                          Rounding::f32,
                                          nullptr,
                                          nullptr,
                                          run,
                                          nullptr,
                                          "Peng et al. 2023, section 3.1"};
}  // namespace tables
}  // namespace ridge
