#include "context/cases.h"
#include "ops/copy/copy.h"

namespace ridge {
namespace {

std::vector<Case> make() {
  std::vector<Case> c;
  const auto add = [&](const char* name, Shape shape, bool gradient,
                       std::function<Tensor(const Tensor&)> view) {
    c.push_back({name,
                 [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                   const Tensor x = in.normal("x", shape, f32, 1, gradient);
                   return {copy(cx, view ? view(x) : x)};
                 },
                 1, gradient});
  };
  add("contiguous", {3, 5}, true, nullptr);
  add("one element", {1}, true, nullptr);
  add("none", {0, 7}, false, nullptr);
  add("transposed", {17, 33}, false, [](const Tensor& x) { return x.transpose(0, 1); });
  add("columns", {9, 40}, false, [](const Tensor& x) { return x.slice(1, 3, 36); });
  add("heads first", {6, 4, 16}, false, [](const Tensor& x) { return x.transpose(0, 1); });
  add("rank 4, turned", {2, 3, 5, 7}, false,
      [](const Tensor& x) { return x.transpose(1, 3).slice(1, 2, 6); });
  add("repeated row", {8}, false, [](const Tensor& x) { return x.strided({5, 8}, {0, 1}, 0); });
  add("large", {300, 200}, false, [](const Tensor& x) { return x.slice(1, 1, 180); });
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_copy;
const CaseList cases_copy{"copy", make};
}  // namespace tables
}  // namespace ridge
