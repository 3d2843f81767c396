// The format's own dot kernel, activations in f32.
#include "ops/expert_linear/grouped.h"

namespace ridge {
namespace {

const ExpertLinearArgs& args(const void* p) { return *static_cast<const ExpertLinearArgs*>(p); }

const char* accepts(const void* p) {
  if (!args(p).dot) return "the format has no dot kernel on this processor";
  if (args(p).dot->rounding != Rounding::f32)
    return "the format's dot kernel rounds activations: see quantized";
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

}  // namespace
namespace tables {
extern const Kernel kernel_expert_linear_dot;
const Kernel kernel_expert_linear_dot{"expert_linear",
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
