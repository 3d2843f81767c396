#include "ops/generalized_mean/generalized_mean.h"

#include "ops/common.h"
#include "ops/generalized_mean/args.h"

namespace ridge {
namespace tables {
extern const Op op_generalized_mean;
const Op op_generalized_mean{"generalized_mean", "y = mean((x - m + 1)^p)^(1/p) + m - 1, m = min x"};
}  // namespace tables

Tensor generalized_mean(Context& cx, const Tensor& x, float power) {
  expect_dtype("generalized_mean", "x", x, f32);
  if (x.rank() != 3 || !x.contiguous() || x.dim(1) < 1)
    fail(Fault::usage, "generalized_mean: x {}: expected f32 [groups, rows, n], contiguous", x.text());
  if (!(power > 0)) fail(Fault::usage, "generalized_mean: a power of {}", power);
  expect_unwatched(cx, "generalized_mean", {&x});
  const Tensor y = cx.make(f32, {x.dim(0), x.dim(2)});
  GeneralizedMeanArgs args{x.view(), y.view(), power};
  cx.launch(tables::op_generalized_mean, &args, {5 * x.count(), x.bytes(), y.bytes()}, {&y, &x});
  return y;
}

}  // namespace ridge
