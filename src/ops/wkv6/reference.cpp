#include <cmath>
#include <vector>

#include "device/device.h"
#include "ops/wkv6/head.h"

namespace ridge {
namespace {

struct Head {
  int64_t length, dk, dv;
  const float* r;
  int64_t r_step;
  const float* k;
  int64_t k_step;
  const float* v;
  int64_t v_step;
  const float* decay;
  int64_t decay_step;
  float *o, *state;
  int64_t o_step;
};

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const Wkv6Args*>(p);
  for (int64_t n = 0; n < a.span_count; ++n)
    for (int64_t head = 0; head < a.r.dim[1]; ++head) {
      const Head h = head_of<Head>(a, a.spans[n], head);
      const int64_t dk = h.dk, dv = h.dv;
      std::vector<double> S(static_cast<size_t>(dk * dv));
      for (size_t i = 0; h.state && i < S.size(); ++i) S[i] = h.state[i];
      for (int64_t t = 0; t < h.length; ++t) {
        const float* r = h.r + t * h.r_step;
        const float* k = h.k + t * h.k_step;
        const float* v = h.v + t * h.v_step;
        const float* decay = h.decay + t * h.decay_step;
        float* o = h.o + t * h.o_step;
        for (int64_t j = 0; j < dv; ++j) {
          double sum = 0;
          for (int64_t i = 0; i < dk; ++i) {
            double& x = S[static_cast<size_t>(i * dv + j)];
            sum += x * r[i];
            x = std::exp(static_cast<double>(decay[i])) * x + static_cast<double>(k[i]) * v[j];
          }
          o[j] = static_cast<float>(sum);
        }
      }
      for (size_t i = 0; h.state && i < S.size(); ++i) h.state[i] = static_cast<float>(S[i]);
    }
}

}  // namespace

namespace tables {
extern const Kernel kernel_wkv6_reference;
const Kernel kernel_wkv6_reference{
    "wkv6", "reference", DeviceKind::cpu,           0, 0, Rounding::f32, nullptr, nullptr,
    run,    nullptr,     "Peng et al. 2024, eq. 18"};
}  // namespace tables
}  // namespace ridge
