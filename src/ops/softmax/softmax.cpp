#include "ops/softmax/softmax.h"

#include "ops/common.h"
#include "ops/softmax/args.h"

namespace ridge {
namespace tables {
extern const Op op_softmax;
extern const Op op_softmax_grad;
const Op op_softmax{"softmax", "y = e^x / sum(e^x)"};
const Op op_softmax_grad{"softmax_grad", "dx of softmax"};
}  // namespace tables

Tensor softmax(Context& cx, const Tensor& x) {
  expect_dtype("softmax", "x", x, f32);
  const Tensor y = cx.make(f32, x.shape());
  SoftmaxArgs args{rows_view("softmax", "x", x), rows_view("softmax", "y", y)};
  // Comparison, difference, exp, sum, quotient.
  const int64_t n = x.count();
  cx.launch(tables::op_softmax, &args, {5 * n, 4 * n, 4 * n}, {&y, &x});
  return cx.taped(tables::op_softmax, {&x}, y, [=](Context& c, const Tensor& dy) -> std::vector<Tensor> {
    const Tensor dx = c.make(f32, x.shape());
    SoftmaxGradArgs g{rows_view("softmax_grad", "y", y), rows_view("softmax_grad", "dy", dy),
                      rows_view("softmax_grad", "dx", dx)};
    c.launch(tables::op_softmax_grad, &g, {4 * n, 8 * n, 4 * n}, {&dx, &y, &dy});
    return {dx};
  });
}

}  // namespace ridge
