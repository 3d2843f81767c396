// Matrix tiles: the format's kernel for prompts, activations rounded to bf16.
#include "context/cost.h"
#include "ops/linear/dot_run.h"

namespace ridge {
namespace {

const char* accepts(const void* p) {
  const auto& a = *static_cast<const LinearArgs*>(p);
  if (!a.tiles) return "the format has no kernel for matrix tiles on this processor";
  if (a.generating) return "the pass generates: decoding weights pays for prompts only";
  if (a.x.dim[1] == 0) return "empty rows";
  return nullptr;
}
int64_t workspace(const void* p, int threads) {
  const auto& a = *static_cast<const LinearArgs*>(p);
  return dot_workspace(a, *a.tiles, threads);
}
void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const LinearArgs*>(p);
  run_dot(a, *a.tiles, exec);
}
void refine(const void*, Cost& cost) { cost.rate = Rate::bf16; }

}  // namespace
namespace tables {
extern const Kernel kernel_linear_tiles;
const Kernel kernel_linear_tiles{
    "linear", "tiles", kDeviceCpu,           0, 50, Rounding::bf16_activation, accepts, workspace,
    run,      refine,  "src/formats/tiles.h"};
}  // namespace tables
}  // namespace ridge
