#include "context/cases.h"
#include "ops/mix_experts/mix_experts.h"

namespace ridge {
namespace {

std::vector<Case> make() {
  std::vector<Case> c;
  struct Size {
    int64_t tokens, k, n;
  };
  for (const Size z : {Size{1, 1, 1}, Size{3, 2, 7}, Size{1, 8, 16}, Size{5, 4, 33}, Size{40, 8, 130},
                       Size{0, 2, 8}, Size{2, 0, 8}})
    c.push_back({fmt::format("{}x{}x{}", z.tokens, z.k, z.n),
                 [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                   return {mix_experts(cx, in.normal("x", {z.tokens, z.k, z.n}),
                                       in.normal("weights", {z.tokens, z.k}))};
                 },
                 z.k});
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_mix_experts;
const CaseList cases_mix_experts{"mix_experts", make};
}  // namespace tables
}  // namespace ridge
