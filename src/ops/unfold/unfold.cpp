#include "ops/unfold/unfold.h"

#include "ops/common.h"
#include "ops/linear/linear.h"
#include "ops/unfold/args.h"
#include "ops/view/view.h"

namespace ridge {
namespace tables {
extern const Op op_unfold;
extern const Op op_unfold_grad;
const Op op_unfold{"unfold", "y[t] = the window of x at t"};
const Op op_unfold_grad{"unfold_grad", "dx of unfold"};
}  // namespace tables

Tensor unfold(Context& cx, const Tensor& x, int64_t width, int64_t stride, int64_t padding) {
  expect_dtype("unfold", "x", x, f32);
  if (x.rank() != 3 || width < 1 || stride < 1 || padding < 0 || padding >= width ||
      x.dim(1) + 2 * padding < width)
    fail(Fault::usage,
         "unfold: x {}, windows of {}, {} apart, padding {}: expected [n, length, channels] of at least one "
         "window, padding less than a window",
         x.text(), width, stride, padding);
  const int64_t n = x.dim(0), channels = x.dim(2);
  const int64_t windows = (x.dim(1) + 2 * padding - width) / stride + 1;
  const Tensor y = cx.make(f32, {n * windows, channels * width});
  UnfoldArgs args{x.view(), y.view(), width, stride, padding, windows};
  cx.launch(tables::op_unfold, &args, {0, x.bytes(), y.bytes(), 0, 0, Rate::none}, {&y, &x});
  return cx.taped(tables::op_unfold, {&x}, y,
                  [=, shape = x.shape()](Context& c, const Tensor& gradient) -> std::vector<Tensor> {
                    const Tensor dy = contiguous(c, gradient), dx = c.make(f32, shape);
                    UnfoldArgs back{dx.view(), dy.view(), width, stride, padding, windows};
                    c.launch(tables::op_unfold_grad, &back,
                             {dy.count(), dy.bytes(), dx.bytes(), 0, 0, Rate::f32}, {&dx, &dy});
                    return {dx};
                  });
}

Tensor conv1d(Context& cx, const Tensor& x, const Tensor& weight, const Tensor& bias, int64_t stride,
              int64_t padding) {
  if (!weight || weight.rank() != 3 || x.rank() != 3 || weight.dim(1) != x.dim(2))
    fail(Fault::usage,
         "conv1d: x {} and weight {} do not fit: expected [n, length, channels], [out, channels, K]",
         x.text(), weight.text());
  const Tensor rows = unfold(cx, x, weight.dim(2), stride, padding);
  return linear(cx, rows, reshape(cx, weight, {weight.dim(0), weight.dim(1) * weight.dim(2)}), bias);
}

}  // namespace ridge
