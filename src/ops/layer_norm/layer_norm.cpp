#include "ops/layer_norm/layer_norm.h"

#include "ops/common.h"
#include "ops/layer_norm/args.h"
#include "ops/sum_rows/sum_rows.h"

namespace ridge {

namespace tables {
extern const Op op_layer_norm;
extern const Op op_layer_norm_grad;
const Op op_layer_norm{"layer_norm", "y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias"};
const Op op_layer_norm_grad{"layer_norm_grad", "dx, dweight of layer_norm"};
}  // namespace tables

namespace {

std::vector<Tensor> gradient(Context& cx, const Tensor& x, const Tensor& weight, const Tensor& bias,
                             float eps, const Tensor& dy) {
  const Tensor dx = cx.make(f32, x.shape());
  const Tensor dw = Tape::watched(weight) ? cx.make(f32, weight.shape()) : Tensor();
  LayerNormGradArgs args{
      rows_view("layer_norm_grad", "x", x),   weight.view(), rows_view("layer_norm_grad", "dy", dy),
      rows_view("layer_norm_grad", "dx", dx), dw.view(),     eps};
  const int64_t n = x.count();
  cx.launch(tables::op_layer_norm_grad, &args,
            {12 * n, 8 * n + weight.bytes(), 4 * n + (dw ? dw.bytes() : 0)}, {&dx, &x, &weight, &dy});
  return {dx, dw, bias && Tape::watched(bias) ? sum_rows(cx, dy) : Tensor()};
}

}  // namespace

Tensor layer_norm(Context& cx, const Tensor& x, const Tensor& weight, const Tensor& bias, float eps) {
  expect_dtype("layer_norm", "x", x, f32);
  expect_dtype("layer_norm", "weight", weight, f32);
  if (weight.rank() != 1 || x.rank() < 1 || weight.dim(0) != x.dim(-1))
    fail(Fault::usage, "layer_norm: weight {} does not fit x {}: expected [{}]", weight.text(), x.text(),
         x.dim(-1));
  if (bias) {
    expect_dtype("layer_norm", "bias", bias, f32);
    expect_shape("layer_norm", "bias", bias, weight.shape());
  }
  const Tensor y = cx.make(f32, x.shape());
  LayerNormArgs args{rows_view("layer_norm", "x", x), weight.view(), bias.view(),
                     rows_view("layer_norm", "y", y), eps};
  // A sum, a difference, a square and its sum, a difference, two products; the bias.
  const int64_t n = x.count(), weights = weight.bytes() + (bias ? bias.bytes() : 0);
  cx.launch(tables::op_layer_norm, &args, {(bias ? 8 : 7) * n, 4 * n + weights, 4 * n, weights},
            {&y, &x, &weight});
  return cx.taped(tables::op_layer_norm, {&x, &weight, &bias}, y,
                  [=](Context& c, const Tensor& dy) { return gradient(c, x, weight, bias, eps, dy); });
}

}  // namespace ridge
