#include "context/cases.h"
#include "ops/head_bonus/head_bonus.h"

namespace ridge {
namespace {

std::vector<Case> make() {
  std::vector<Case> cases;
  const auto shaped = [&](int64_t t, int64_t h, int64_t d, bool benchmark) {
    cases.push_back({fmt::format("{}x{}x{}", t, h, d),
                     [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                       const Tensor r = in.normal("r", {t, h, d}), k = in.normal("k", {t, h, d}),
                                    v = in.normal("v", {t, h, d});
                       return {head_bonus(cx, r, k, v, in.normal("u", {h, d}))};
                     },
                     d, false, benchmark});
  };
  for (const int64_t d : {1, 7, 16, 24, 64}) shaped(5, 3, d, false);
  shaped(0, 2, 8, false);
  shaped(4096, 12, 64, true);
  return cases;
}

}  // namespace
namespace tables {
extern const CaseList cases_head_bonus;
const CaseList cases_head_bonus{"head_bonus", make};
}  // namespace tables
}  // namespace ridge
