#include "ops/rms_norm/rms_norm.h"

#include "ops/common.h"
#include "ops/rms_norm/args.h"

namespace ridge {

namespace tables {
extern const Op op_rms_norm;
extern const Op op_rms_norm_grad;
const Op op_rms_norm{"rms_norm", "y = x / sqrt(mean(x^2) + eps) * (offset + weight)"};
const Op op_rms_norm_grad{"rms_norm_grad", "dx, dweight of rms_norm"};
}  // namespace tables

namespace {

// With r = 1/sqrt(mean(x^2)+eps) and g = dy * (offset + weight): dx = r g - x r^3 mean(g x); dweight = sum
// over rows of dy x r.
std::vector<Tensor> gradient(Context& cx, const Tensor& x, const Tensor& weight, float eps, float offset,
                             const Tensor& dy) {
  const Tensor dx = cx.make(f32, x.shape());
  const Tensor dw = Tape::watched(weight) ? cx.make(f32, weight.shape()) : Tensor();
  RmsNormGradArgs args{rows_view("rms_norm_grad", "x", x),
                       weight.view(),
                       rows_view("rms_norm_grad", "dy", dy),
                       rows_view("rms_norm_grad", "dx", dx),
                       dw.view(),
                       eps,
                       offset};
  const int64_t n = x.count();
  cx.launch(tables::op_rms_norm_grad, &args, {8 * n, 8 * n + weight.bytes(), 4 * n + (dw ? dw.bytes() : 0)},
            {&dx, &x, &weight, &dy});
  return {dx, dw};
}

}  // namespace

Tensor rms_norm(Context& cx, const Tensor& x, const Tensor& weight, float eps, float offset) {
  expect_dtype("rms_norm", "x", x, f32);
  expect_dtype("rms_norm", "weight", weight, f32);
  if (weight.rank() != 1 || x.rank() < 1 || weight.dim(0) != x.dim(-1))
    fail(Fault::usage, "rms_norm: weight {} does not fit x {}: expected [{}]", weight.text(), x.text(),
         x.dim(-1));
  const Tensor y = cx.make(f32, x.shape());
  RmsNormArgs args{rows_view("rms_norm", "x", x), weight.view(), rows_view("rms_norm", "y", y), eps, offset};
  const int64_t n = x.count();
  cx.launch(tables::op_rms_norm, &args, {4 * n, 4 * n + weight.bytes(), 4 * n, weight.bytes()},
            {&y, &x, &weight});
  return cx.taped(tables::op_rms_norm, {&x, &weight}, y,
                  [=](Context& c, const Tensor& dy) { return gradient(c, x, weight, eps, offset, dy); });
}

}  // namespace ridge
