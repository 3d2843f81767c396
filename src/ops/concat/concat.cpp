#include "ops/concat/concat.h"

#include "ops/common.h"
#include "ops/concat/args.h"
#include "ops/view/view.h"

namespace ridge {
namespace tables {
extern const Op op_concat;
extern const Op op_concat_grad;
const Op op_concat{"concat", "y[t, h] = (a[t, h], b[t, h])"};
const Op op_concat_grad{"concat_grad", "da, db of concat"};
}  // namespace tables

namespace {

std::vector<Tensor> gradient(Context& cx, const Tensor& a, const Tensor& b, const Tensor& gradient) {
  const Tensor dy = contiguous(cx, gradient), da = cx.make(f32, a.shape()), db = cx.make(f32, b.shape());
  ConcatGradArgs args{dy.view(), da.view(), db.view()};
  // Only where b was shared is anything added up.
  const int64_t sums = b.dim(1) == a.dim(1) ? 0 : dy.dim(0) * dy.dim(1) * b.dim(2);
  cx.launch(tables::op_concat_grad, &args, {sums, dy.bytes(), da.bytes() + db.bytes()}, {&da, &dy});
  return {da, db};
}

}  // namespace

Tensor concat(Context& cx, const Tensor& a, const Tensor& b) {
  expect_dtype("concat", "a", a, f32);
  expect_dtype("concat", "b", b, f32);
  if (a.rank() != 3 || b.rank() != 3 || a.dim(0) != b.dim(0) || (b.dim(1) != a.dim(1) && b.dim(1) != 1))
    fail(Fault::usage, "concat: a {} and b {} do not fit: expected [t, h, da] and [t, h or 1, db]", a.text(),
         b.text());
  for (const Tensor* t : {&a, &b})
    if (t->dim(2) > 1 && t->stride(2) != 1)
      fail(Fault::usage, "concat: the last dimension of {} is strided; copy it first", t->text());
  const Tensor y = cx.make(f32, {a.dim(0), a.dim(1), a.dim(2) + b.dim(2)});
  ConcatArgs args{a.view(), b.view(), y.view()};
  if (b.dim(1) == 1) args.b.stride[1] = 0;
  cx.launch(tables::op_concat, &args, {0, a.bytes() + b.bytes(), y.bytes(), 0, 0, Rate::none}, {&y, &a, &b});
  return cx.taped(tables::op_concat, {&a, &b}, y,
                  [=](Context& c, const Tensor& dy) { return gradient(c, a, b, dy); });
}

}  // namespace ridge
