#include "ops/l2_norm/l2_norm.h"

#include "ops/common.h"
#include "ops/l2_norm/args.h"

namespace ridge {
namespace tables {
extern const Op op_l2_norm;
const Op op_l2_norm{"l2_norm", "y = scale * x / |x|"};
}  // namespace tables

Tensor l2_norm(Context& cx, const Tensor& x, const L2NormOptions& o) {
  expect_dtype("l2_norm", "x", x, f32);
  expect_unwatched(cx, "l2_norm", {&x});
  const Tensor y = cx.make(f32, x.shape());
  const L2NormArgs args{rows_view("l2_norm", "x", x), rows_view("l2_norm", "y", y), o.eps, o.scale,
                        o.eps_inside};
  cx.launch(tables::op_l2_norm, &args, {3 * x.count(), x.bytes(), y.bytes()}, {&y, &x});
  return y;
}

}  // namespace ridge
