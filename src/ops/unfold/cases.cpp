#include "context/cases.h"
#include "formats/bf16/bf16.h"
#include "ops/unfold/unfold.h"
#include "ops/view/view.h"

namespace ridge {
namespace {

Case sized(std::string name, Shape x, int64_t width, int64_t stride, int64_t padding,
           bool differentiable = false, bool transposed = false) {
  return {std::move(name),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            Tensor t = in.normal("x", x);
            if (transposed) t = transpose(cx, t, 1, 2);
            return {unfold(cx, t, width, stride, padding)};
          },
          width, differentiable};
}

std::vector<Case> make() {
  std::vector<Case> c;
  c.push_back(sized("one", {1, 1, 1}, 1, 1, 0, true));
  c.push_back(sized("padded", {2, 5, 3}, 3, 1, 1, true));
  c.push_back(sized("strided", {2, 6, 2}, 3, 2, 1, true));
  c.push_back(sized("gaps", {1, 9, 2}, 2, 4, 0, true));
  c.push_back(sized("channels first", {2, 3, 7}, 3, 1, 1, true, true));
  c.push_back(sized("no sequence", {0, 5, 3}, 3, 1, 1));
  c.push_back(sized("long, channels first", {1, 80, 301}, 3, 1, 1, false, true));
  c.push_back(sized("long", {2, 301, 33}, 3, 2, 1));
  for (const bool differentiable : {true, false})
    c.push_back({differentiable ? "convolution" : "convolution, bf16",
                 [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                   const Tensor w = in.normal("w", {4, 3, 3}, differentiable ? f32 : bf16);
                   return {conv1d(cx, in.normal("x", {2, 6, 3}), w, in.normal("b", {4}), 2, 1)};
                 },
                 9, differentiable});
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_unfold;
const CaseList cases_unfold{"unfold", make};
}  // namespace tables
}  // namespace ridge
