// The format's own dot kernel with activations rounded once a row (to 8 bits, a scale a block, or to bf16).
#include "context/cost.h"
#include "ops/linear/dot_run.h"

namespace ridge {
namespace {

const char* accepts(const void* p) {
  const auto& a = *static_cast<const LinearArgs*>(p);
  if (!a.dot) return "the format has no dot kernel on this processor";
  if (a.dot->rounding == Rounding::f32) return "the format's dot kernel does not round activations: see dot";
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
void refine(const void* p, Cost& cost) {
  const auto& a = *static_cast<const LinearArgs*>(p);
  cost.rate = a.dot->rounding == Rounding::bf16_activation ? Rate::bf16 : Rate::int8;
}

}  // namespace
namespace tables {
extern const Kernel kernel_linear_quantized;
const Kernel kernel_linear_quantized{"linear",
                                     "quantized",
                                     kDeviceCpu,
                                     0,
                                     40,
                                     Rounding::q8_activation,
                                     accepts,
                                     workspace,
                                     run,
                                     refine,
                                     "src/formats: the dot kernel of each format"};
}  // namespace tables
}  // namespace ridge
