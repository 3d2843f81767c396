#include "context/cases.h"
#include "ops/multiply/multiply.h"

namespace ridge {
namespace {

std::vector<Case> make() {
  std::vector<Case> c;
  for (const int64_t n : {1, 7, 16, 35, 130}) {
    const bool small = n == 7 || n == 35;
    c.push_back({fmt::format("3x{}", n),
                 [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                   return {multiply(cx, in.normal("a", {3, n}), in.normal("b", {3, n}))};
                 },
                 1, small});
    c.push_back({fmt::format("3x{} by a row", n),
                 [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                   return {multiply(cx, in.normal("a", {3, n}), in.normal("b", {n}))};
                 },
                 1, small});
    c.push_back({fmt::format("3x{} by a column", n),
                 [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                   return {multiply(cx, in.normal("a", {3, n}), in.normal("b", {3, 1}))};
                 },
                 1, small});
  }
  c.push_back({"rank 3, strided, by a column",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 const Tensor a = in.normal("a", {2, 3, 30}, f32, 1, false);
                 const Tensor b = in.normal("b", {6, 5}, f32, 1, false);
                 return {multiply(cx, a.slice(2, 2, 27), b.slice(1, 3, 4))};
               },
               1});
  c.push_back({"no rows",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 return {multiply(cx, in.normal("a", {0, 4}), in.normal("b", {4}))};
               },
               1});
  c.push_back({"one row, many rows",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 return {multiply(cx, in.normal("a", {1, 20}), in.normal("b", {20})),
                         multiply(cx, in.normal("c", {700, 20}), in.normal("d", {700, 20}))};
               },
               1});
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_multiply;
const CaseList cases_multiply{"multiply", make};
}  // namespace tables
}  // namespace ridge
