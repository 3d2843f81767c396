#include "ops/group_norm/group_norm.h"

#include "ops/common.h"
#include "ops/group_norm/args.h"

namespace ridge {
namespace tables {
extern const Op op_group_norm;
const Op op_group_norm{"group_norm",
                       "y = (x - mean) / sqrt(var + eps) * weight + bias, by groups of columns"};
}  // namespace tables

Tensor group_norm(Context& cx, const Tensor& x, const Tensor& weight, const Tensor& bias, int64_t groups,
                  float eps) {
  const char* op = "group_norm";
  expect_dtype(op, "x", x, f32);
  expect_dtype(op, "weight", weight, f32);
  expect_dtype(op, "bias", bias, f32);
  if (x.rank() != 2 || groups < 1 || x.dim(1) % groups != 0)
    fail(Fault::usage, "{}: x {} in {} groups: expected [rows, n], n a multiple of the groups", op, x.text(),
         groups);
  expect_shape(op, "weight", weight, {x.dim(1)});
  expect_shape(op, "bias", bias, {x.dim(1)});
  expect_unwatched(cx, op, {&x, &weight, &bias});
  const Tensor y = cx.make(f32, x.shape());
  const GroupNormArgs args{rows_view(op, "x", x), y.view(), weight.view(), bias.view(), groups, eps};
  const int64_t n = x.count();
  cx.launch(tables::op_group_norm, &args,
            {8 * n, 4 * n + weight.bytes() + bias.bytes(), 4 * n, weight.bytes() + bias.bytes()},
            {&y, &x, &weight, &bias});
  return y;
}

}  // namespace ridge
