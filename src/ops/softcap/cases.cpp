#include "context/cases.h"
#include "ops/softcap/softcap.h"

namespace ridge {
namespace {

std::vector<Case> make() {
  std::vector<Case> c;
  for (const int64_t n : {1, 7, 16, 35, 130})
    for (const float cap : {0.5f, 3.0f, 50.0f})
      c.push_back({fmt::format("3x{}, cap {}", n, cap),
                   [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                     return {softcap(cx, in.normal("x", {3, n}), cap)};
                   },
                   1, n == 35 && cap > 1});
  c.push_back({"small and large",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 const Tensor x = in.values("x", {2, 4}, {0, 1e-6f, -1e-3f, 1e3f, -1e6f, 0.6f, 0.7f, -0.66f});
                 return {softcap(cx, x, 1)};
               },
               1});
  c.push_back({"strided",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 return {softcap(cx, in.normal("x", {5, 40}, f32, 30, false).slice(1, 3, 36), 30)};
               },
               1});
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_softcap;
const CaseList cases_softcap{"softcap", make};
}  // namespace tables
}  // namespace ridge
