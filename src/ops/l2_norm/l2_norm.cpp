#include "ops/l2_norm/l2_norm.h"

#include "ops/common.h"
#include "ops/l2_norm/args.h"

namespace ridge {
namespace tables {
extern const Op op_l2_norm;
const Op op_l2_norm{"l2_norm", "y = scale * x / |x|"};
}  // namespace tables

namespace {

// As [tokens, heads, n]; of other ranks than 3, rows as tokens of one head.
View heads_of(const Tensor& t) {
  if (t.rank() == 3 && (t.dim(2) <= 1 || t.stride(2) == 1)) return t.view();
  View v = rows_view("l2_norm", "x", t);
  v.rank = 3;
  v.dim[2] = v.dim[1], v.stride[2] = 1;
  v.dim[1] = 1, v.stride[1] = 0;
  return v;
}

}  // namespace

Tensor l2_norm(Context& cx, const Tensor& x, const L2NormOptions& o) {
  expect_dtype("l2_norm", "x", x, f32);
  expect_unwatched(cx, "l2_norm", {&x});
  const Tensor y = cx.make(f32, x.shape());
  const L2NormArgs args{heads_of(x), heads_of(y), o.eps, o.scale, o.eps_inside};
  cx.launch(tables::op_l2_norm, &args, {3 * x.count(), x.bytes(), y.bytes()}, {&y, &x});
  return y;
}

}  // namespace ridge
