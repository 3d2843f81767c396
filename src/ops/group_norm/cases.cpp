#include "context/cases.h"
#include "ops/group_norm/group_norm.h"

namespace ridge {
namespace {

Case shaped(int64_t rows, int64_t groups, int64_t d, bool benchmark = false) {
  return {fmt::format("{}x{}x{}", rows, groups, d),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            const Tensor x = in.normal("x", {rows, groups * d}, f32, 3), w = in.normal("w", {groups * d}),
                         b = in.normal("b", {groups * d});
            return {group_norm(cx, x, w, b, groups, 64e-5f)};
          },
          d, false, benchmark};
}

std::vector<Case> make() {
  std::vector<Case> cases;
  for (const int64_t d : {2, 5, 8, 16, 24, 64, 65}) cases.push_back(shaped(5, 3, d));
  cases.push_back(shaped(0, 2, 8));
  cases.push_back(shaped(2048, 12, 64, true));
  cases.push_back(
      {"strided rows, zeros",
       [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
         const Tensor x = in.normal("x", {5, 40}), w = in.normal("w", {24}), b = in.normal("b", {24}),
                      z = in.values("z", {1, 24}, std::vector<float>(24, 0.0f));
         return {group_norm(cx, x.slice(1, 7, 31), w, b, 2, 1e-5f), group_norm(cx, z, w, b, 3, 1e-5f)};
       },
       12});
  return cases;
}

}  // namespace
namespace tables {
extern const CaseList cases_group_norm;
const CaseList cases_group_norm{"group_norm", make};
}  // namespace tables
}  // namespace ridge
