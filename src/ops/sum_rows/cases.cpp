#include "context/cases.h"
#include "ops/sum_rows/sum_rows.h"

namespace ridge {
namespace {

std::vector<Case> make() {
  std::vector<Case> cases;
  for (const int64_t n : {1, 7, 16, 33, 130})
    cases.push_back({fmt::format("3x{}", n),
                     [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                       const Tensor x = in.normal("x", {3, n});
                       return {sum_rows(cx, x)};
                     },
                     3, false});
  for (const int64_t rows : {0, 1, 64, 65, 1000})
    cases.push_back({fmt::format("{}x70", rows),
                     [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                       return {sum_rows(cx, in.normal("x", {rows, 70}))};
                     },
                     rows});
  return cases;
}

}  // namespace
namespace tables {
extern const CaseList cases_sum_rows;
const CaseList cases_sum_rows{"sum_rows", make};
}  // namespace tables
}  // namespace ridge
