#include "context/cases.h"
#include "ops/concat/concat.h"

namespace ridge {
namespace {

std::vector<Case> make() {
  std::vector<Case> c;
  struct Size {
    int64_t t, h, hb, da, db;
  };
  for (const Size z : {Size{3, 2, 2, 5, 3}, Size{3, 4, 1, 5, 3}, Size{1, 1, 1, 1, 1}, Size{2, 3, 3, 0, 4},
                       Size{2, 3, 1, 4, 0}, Size{0, 3, 1, 4, 4}, Size{40, 16, 1, 128, 64}})
    c.push_back({fmt::format("{}x{} of {} and {} of {}", z.t, z.h, z.da, z.hb, z.db),
                 [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                   return {concat(cx, in.normal("a", {z.t, z.h, z.da}), in.normal("b", {z.t, z.hb, z.db}))};
                 },
                 1, z.t > 0 && z.t < 4});
  c.push_back({"strided",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 const Tensor a = in.normal("a", {4, 3, 20}, f32, 1, false),
                              b = in.normal("b", {4, 30}, f32, 1, false);
                 return {concat(cx, a.slice(2, 3, 12), b.slice(1, 10, 17).strided({4, 1, 7}, {30, 7, 1}, 0))};
               },
               1});
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_concat;
const CaseList cases_concat{"concat", make};
}  // namespace tables
}  // namespace ridge
