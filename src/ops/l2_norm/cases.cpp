#include "context/cases.h"
#include "ops/l2_norm/l2_norm.h"

namespace ridge {
namespace {

std::vector<Case> make() {
  std::vector<Case> cases;
  for (const int64_t n : {1, 5, 16, 31, 128})
    for (const bool inside : {false, true})
      cases.push_back({fmt::format("7x{}{}", n, inside ? " eps inside" : ""),
                       [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                         return {l2_norm(cx, in.normal("x", {7, n}), {1e-2f, inside, 0.25f})};
                       },
                       n});
  cases.push_back({"zeros, strided, none",
                   [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                     const Tensor z = in.values("z", {2, 6}, std::vector<float>(12, 0.0f)),
                                  x = in.normal("x", {3, 4, 10}), none = in.normal("none", {0, 5});
                     return {l2_norm(cx, z), l2_norm(cx, x.slice(2, 0, 7)),
                             l2_norm(cx, x.slice(1, 1, 3).slice(2, 2, 9)), l2_norm(cx, none)};
                   },
                   7});
  cases.push_back({"49152x64",
                   [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                     return {l2_norm(cx, in.normal("x", {4096, 12, 64}))};
                   },
                   64, false, true});
  return cases;
}

}  // namespace
namespace tables {
extern const CaseList cases_l2_norm;
const CaseList cases_l2_norm{"l2_norm", make};
}  // namespace tables
}  // namespace ridge
