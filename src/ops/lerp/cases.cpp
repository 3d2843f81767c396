#include "context/cases.h"
#include "ops/lerp/lerp.h"

namespace ridge {
namespace {

std::vector<Case> make() {
  std::vector<Case> cases;
  for (const int64_t n : {1, 7, 16, 33, 768})
    for (const bool row : {false, true})
      cases.push_back({fmt::format("3x{}{}", n, row ? " row" : ""),
                       [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                         const Tensor a = in.normal("a", {3, n}), b = in.normal("b", {3, n}),
                                      w = row ? in.normal("w", {n}) : in.normal("w", {3, n});
                         return {lerp(cx, a, b, w)};
                       }});
  cases.push_back({"strided, no rows", [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                     const Tensor a = in.normal("a", {4, 40}), w = in.normal("w", {20}),
                                  none = in.normal("none", {0, 20});
                     return {lerp(cx, a.slice(1, 0, 20), a.slice(1, 20, 40), w), lerp(cx, none, none, w)};
                   }});
  cases.push_back({"2048x768",
                   [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                     const Tensor a = in.normal("a", {2048, 768}), b = in.normal("b", {2048, 768});
                     return {lerp(cx, a, b, in.normal("w", {768}))};
                   },
                   1, false, true});
  return cases;
}

}  // namespace
namespace tables {
extern const CaseList cases_lerp;
const CaseList cases_lerp{"lerp", make};
}  // namespace tables
}  // namespace ridge
