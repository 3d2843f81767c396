// The format's own dot kernel, activations in f32.
#include "context/cost.h"
#include "ops/linear/dot_run.h"

namespace ridge {
namespace {

const char* accepts(const void* p) {
  const auto& a = *static_cast<const LinearArgs*>(p);
  if (!a.dot) return "the format has no dot kernel on this processor";
  if (a.dot->rounding != Rounding::f32) return "the format's dot kernel rounds activations: see quantized";
  if (a.x.dim[1] == 0) return "empty rows";
  return nullptr;
}
int64_t workspace(const void* p, int threads) {
  const auto& a = *static_cast<const LinearArgs*>(p);
  return dot_workspace(a, *a.dot, threads);
}
void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const LinearArgs*>(p);
  run_dot(a, *a.dot, exec);
}

}  // namespace
namespace tables {
extern const Kernel kernel_linear_dot;
const Kernel kernel_linear_dot{"linear",
                               "dot",
                               kDeviceCpu,
                               0,
                               30,
                               Rounding::f32,
                               accepts,
                               workspace,
                               run,
                               nullptr,
                               "src/formats: the dot kernel of each format"};
}  // namespace tables
}  // namespace ridge
