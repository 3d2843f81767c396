#include "ops/head_bonus/head_bonus.h"

#include "ops/common.h"
#include "ops/head_bonus/args.h"
#include "ops/recurrence.h"

namespace ridge {
namespace tables {
extern const Op op_head_bonus;
const Op op_head_bonus{"head_bonus", "y = (r . (u * k)) v"};
}  // namespace tables

Tensor head_bonus(Context& cx, const Tensor& r, const Tensor& k, const Tensor& v, const Tensor& u) {
  const char* op = "head_bonus";
  expect_dtype(op, "r", r, f32);
  if (r.rank() != 3) fail(Fault::usage, "{}: r {}, expected [tokens, heads, d]", op, r.text());
  for (const Tensor* t : {&k, &v}) {
    expect_dtype(op, t == &k ? "k" : "v", *t, f32);
    expect_shape(op, t == &k ? "k" : "v", *t, r.shape());
  }
  expect_dtype(op, "u", u, f32);
  expect_shape(op, "u", u, {r.dim(1), r.dim(2)});
  expect_unwatched(cx, op, {&r, &k, &v, &u});
  const int64_t tokens = r.dim(0), n = r.count();
  const Tensor y = cx.make(f32, r.shape());
  const HeadBonusArgs args{heads_view(op, "r", r, tokens), heads_view(op, "k", k, tokens),
                           heads_view(op, "v", v, tokens), y.view(), u.view()};
  cx.launch(tables::op_head_bonus, &args, {4 * n, 12 * n + u.bytes(), 4 * n, u.bytes()},
            {&y, &r, &k, &v, &u});
  return y;
}

}  // namespace ridge
