#include "ops/depthwise_conv2d/depthwise_conv2d.h"

#include "ops/common.h"
#include "ops/depthwise_conv2d/args.h"

namespace ridge {
namespace tables {
extern const Op op_depthwise_conv2d;
const Op op_depthwise_conv2d{
    "depthwise_conv2d",
    "y[i, j, c] = bias[c] + sum over r, s of w[r, s, c] x[i stride + r - k/2, j stride + s - k/2, c]"};
}  // namespace tables

Tensor depthwise_conv2d(Context& cx, const Tensor& x, const Tensor& w, const Tensor& bias, int64_t stride) {
  const char* op = "depthwise_conv2d";
  expect_dtype(op, "x", x, f32);
  expect_dtype(op, "w", w, f32);
  if (x.rank() != 4 || !x.contiguous())
    fail(Fault::usage, "{}: x {}, expected contiguous [images, height, width, channels]", op, x.text());
  int64_t k = 1;
  while (w.rank() == 2 && k * k < w.dim(0)) k += 2;
  if (w.rank() != 2 || !w.contiguous() || k * k != w.dim(0) || w.dim(1) != x.dim(3))
    fail(Fault::usage, "{}: w {} does not fit x {}: expected [k * k, {}] with an odd k", op, w.text(),
         x.text(), x.dim(3));
  if (bias) {
    expect_dtype(op, "bias", bias, f32);
    expect_shape(op, "bias", bias, {x.dim(3)});
  }
  if (stride < 1) fail(Fault::usage, "{}: a stride of {}", op, stride);
  expect_unwatched(cx, op, {&x, &w, &bias});
  const Tensor y =
      cx.make(f32, {x.dim(0), (x.dim(1) + stride - 1) / stride, (x.dim(2) + stride - 1) / stride, x.dim(3)});
  DepthwiseConv2dArgs args{x.view(), w.view(), bias.view(), y.view(), k, stride};
  const int64_t weights = w.bytes() + (bias ? bias.bytes() : 0);
  cx.launch(tables::op_depthwise_conv2d, &args,
            {2 * k * k * y.count(), x.bytes() + weights, y.bytes(), weights}, {&y, &x, &w});
  return y;
}

}  // namespace ridge
