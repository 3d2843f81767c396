// The format's own dot kernel with activations rounded once a row (to 8 bits, a scale a block, or to bf16).
#include "context/cost.h"
#include "ops/expert_linear/grouped.h"

namespace ridge {
namespace {

const ExpertLinearArgs& args(const void* p) { return *static_cast<const ExpertLinearArgs*>(p); }

const char* accepts(const void* p) {
  if (!args(p).dot) return "the format has no dot kernel on this processor";
  if (args(p).dot->rounding == Rounding::f32)
    return "the format's dot kernel does not round activations: see dot";
  if (args(p).w.dim[2] == 0) return "empty rows";
  return nullptr;
}
int64_t workspace(const void* p, int threads) {
  const DotKernel& d = *args(p).dot;
  return grouped_layout(args(p), d, scratch_stride(d, args(p).w.dim[2]), threads).bytes;
}
void run(const void* p, const Exec& exec) {
  const DotKernel& d = *args(p).dot;
  run_grouped(args(p), d, scratch_stride(d, args(p).w.dim[2]), exec, same_rows);
}
void refine(const void* p, Cost& cost) {
  cost.rate = args(p).dot->rounding == Rounding::bf16_activation ? Rate::bf16 : Rate::int8;
}

}  // namespace
namespace tables {
extern const Kernel kernel_expert_linear_quantized;
const Kernel kernel_expert_linear_quantized{"expert_linear",
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
