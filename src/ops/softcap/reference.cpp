#include <cmath>

#include "ops/softcap/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const SoftcapArgs*>(p);
  for (int64_t r = 0; r < a.y.dim[0]; ++r)
    for (int64_t i = 0; i < a.y.dim[1]; ++i) {
      const double x = static_cast<const float*>(a.x.data)[r * a.x.stride[0] + i];
      static_cast<float*>(a.y.data)[r * a.y.stride[0] + i] = static_cast<float>(a.cap * std::tanh(x / a.cap));
    }
}

}  // namespace
namespace tables {
extern const Kernel kernel_softcap_reference;
const Kernel kernel_softcap_reference{"softcap", "reference", kDeviceCpu, 0,       0,           Rounding::f32,
                                      nullptr,   nullptr,     run,        nullptr, "definition"};
}  // namespace tables
}  // namespace ridge
