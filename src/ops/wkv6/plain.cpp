// The recurrence as it is written down, token by token in f32, heads over threads: what the other kernels are
// measured against.
#include <cmath>

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

int64_t floats(const void* p) {
  const auto& a = *static_cast<const Wkv6Args*>(p);
  return (a.r.dim[2] + 1) * a.v.dim[2];
}
int64_t workspace(const void* p, int threads) { return 4 * floats(p) * threads; }

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const Wkv6Args*>(p);
  const int64_t heads = a.r.dim[1];
  for_each_chunk(exec, a.span_count * heads, 1, [&](int64_t begin, int64_t end, int thread) {
    float* S = static_cast<float*>(exec.workspace) + thread * floats(p);
    for (int64_t n = begin; n < end; ++n) {
      const Head h = head_of<Head>(a, a.spans[n / heads], n % heads);
      const int64_t dk = h.dk, dv = h.dv;
      [[maybe_unused]] float* held = S + dk * dv;
      for (int64_t i = 0; i < dk * dv; ++i) S[i] = h.state ? h.state[i] : 0;
      for (int64_t t = 0; t < h.length; ++t) {
        const float* r = h.r + t * h.r_step;
        const float* k = h.k + t * h.k_step;
        const float* v = h.v + t * h.v_step;
        const float* decay = h.decay + t * h.decay_step;
        float* o = h.o + t * h.o_step;
        for (int64_t j = 0; j < dv; ++j) o[j] = 0;
        for (int64_t i = 0; i < dk; ++i) {
          const float w = std::exp(decay[i]);
          float* row = S + i * dv;
          for (int64_t j = 0; j < dv; ++j) {
            o[j] += row[j] * r[i];
            row[j] = w * row[j] + k[i] * v[j];
          }
        }
      }
      for (int64_t i = 0; h.state && i < dk * dv; ++i) h.state[i] = S[i];
    }
  });
}

}  // namespace

namespace tables {
extern const Kernel kernel_wkv6_plain;
const Kernel kernel_wkv6_plain{
    "wkv6", "plain", DeviceKind::cpu,           0, 5, Rounding::f32, nullptr, workspace,
    run,    nullptr, "Peng et al. 2024, eq. 18"};
}  // namespace tables
}  // namespace ridge
