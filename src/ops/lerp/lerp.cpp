#include "ops/lerp/lerp.h"

#include "ops/common.h"
#include "ops/lerp/args.h"

namespace ridge {
namespace tables {
extern const Op op_lerp;
const Op op_lerp{"lerp", "y = a + (b - a) * weight"};
}  // namespace tables

Tensor lerp(Context& cx, const Tensor& a, const Tensor& b, const Tensor& weight) {
  const char* op = "lerp";
  expect_dtype(op, "a", a, f32);
  expect_dtype(op, "b", b, f32);
  expect_dtype(op, "weight", weight, f32);
  const bool one_row = weight.rank() == 1 && a.rank() == 2 && weight.dim(0) == a.dim(1);
  if (a.rank() != 2 || !(b.shape() == a.shape()) || !(one_row || weight.shape() == a.shape()))
    fail(Fault::usage, "{}: a {}, b {} and weight {} do not fit: expected [rows, n] twice, then that or [n]",
         op, a.text(), b.text(), weight.text());
  expect_unwatched(cx, op, {&a, &b, &weight});
  const Tensor y = cx.make(f32, a.shape());
  LerpArgs args{rows_view(op, "a", a), rows_view(op, "b", b), y.view(), rows_view(op, "weight", weight)};
  if (one_row) args.weight.stride[0] = 0;
  args.weight.dim[0] = a.dim(0);
  cx.launch(tables::op_lerp, &args, {3 * a.count(), a.bytes() + b.bytes() + weight.bytes(), y.bytes()},
            {&y, &a, &b, &weight});
  return y;
}

}  // namespace ridge
