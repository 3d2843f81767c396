#include "context/cases.h"
#include "ops/token_shift/token_shift.h"

namespace ridge {
namespace {

std::vector<Case> make() {
  std::vector<Case> cases;
  for (const int64_t n : {1, 15, 16, 300})
    for (const bool state : {false, true})
      cases.push_back({fmt::format("9x{}{}", n, state ? " state" : ""),
                       [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                         // A span of one row, one of none, slots out of order; slot 1 is left as it is.
                         const std::vector<SequenceSpan> spans{{0, 1, 2}, {1, 0, 0}, {1, 8, 3}};
                         const Tensor x = in.normal("x", {9, n + 3}).slice(1, 2, n + 2);
                         const Tensor s = state ? in.normal("state", {4, n}) : Tensor();
                         const Tensor y = token_shift(cx, x, spans, s);
                         return state ? std::vector{y, s} : std::vector{y};
                       }});
  cases.push_back({"no rows", [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                     return {token_shift(cx, in.normal("x", {0, 5}), {}, {})};
                   }});
  cases.push_back({"4096x768",
                   [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                     const std::vector<SequenceSpan> spans{{0, 4096, 0}};
                     return {token_shift(cx, in.normal("x", {4096, 768}), spans, {})};
                   },
                   1, false, true});
  return cases;
}

}  // namespace
namespace tables {
extern const CaseList cases_token_shift;
const CaseList cases_token_shift{"token_shift", make};
}  // namespace tables
}  // namespace ridge
