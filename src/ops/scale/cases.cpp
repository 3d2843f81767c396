#include "context/cases.h"
#include "ops/scale/scale.h"

namespace ridge {
namespace {

std::vector<Case> make() {
  std::vector<Case> cases;
  for (const int64_t n : {1, 7, 16, 33, 130})
    cases.push_back({fmt::format("3x{}", n),
                     [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                       const Tensor x = in.normal("x", {3, n});
                       return {scale(cx, x, -1.5f)};
                     },
                     1, n == 7});
  return cases;
}

}  // namespace
namespace tables {
extern const CaseList cases_scale;
const CaseList cases_scale{"scale", make};
}  // namespace tables
}  // namespace ridge
