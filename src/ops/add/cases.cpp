#include "context/cases.h"
#include "ops/add/add.h"

namespace ridge {
namespace {

std::vector<Case> make() {
  std::vector<Case> cases;
  for (const int64_t n : {1, 7, 16, 33, 130})
    cases.push_back({fmt::format("3x{}", n),
                     [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                       const Tensor x = in.normal("x", {3, n});
                       const Tensor b = in.normal("b", {3, n}), row = in.normal("row", {n});
                       return {add(cx, add(cx, x, b, 0.5f), row)};
                     },
                     2, n == 7});
  return cases;
}

}  // namespace
namespace tables {
extern const CaseList cases_add;
const CaseList cases_add{"add", make};
}  // namespace tables
}  // namespace ridge
