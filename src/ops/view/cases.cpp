#include "context/cases.h"
#include "ops/scale/scale.h"
#include "ops/view/view.h"

namespace ridge {
namespace {

// Views are followed by a product, so that a wrong stride shows in values, and kernels run.
std::vector<Case> make() {
  std::vector<Case> c;
  c.push_back({"reshape 3x8 to 6x4",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 return {scale(cx, reshape(cx, in.normal("x", {3, 8}), {6, 4}), 2)};
               },
               1, true});
  c.push_back({"slice of columns, split into heads",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 const Tensor x = in.normal("x", {3, 12});
                 const Tensor q = reshape(cx, slice(cx, x, 1, 4, 10), {3, 2, 3});
                 return {scale(cx, contiguous(cx, q), 2)};
               },
               1, true});
  c.push_back({"slice of rows",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 return {scale(cx, slice(cx, in.normal("x", {7, 3}), 0, 2, 5), -1)};
               },
               1, true});
  c.push_back({"slice of the middle, from the end",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 const Tensor x = in.normal("x", {2, 5, 3});
                 return {scale(cx, contiguous(cx, slice(cx, x, -2, 1, 4)), 3)};
               },
               1, true});
  c.push_back({"transposed",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 const Tensor x = transpose(cx, in.normal("x", {2, 5, 3}), 0, 2);
                 return {scale(cx, contiguous(cx, x), 3)};
               },
               1, true});
  c.push_back({"slice used twice",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 const Tensor x = in.normal("x", {4, 6});
                 return {scale(cx, slice(cx, x, 1, 0, 4), 3), scale(cx, slice(cx, x, 1, 2, 6), 5)};
               },
               1, true});
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_view;
const CaseList cases_view{"view", make};
}  // namespace tables
}  // namespace ridge
