#include "ops/log_decay/log_decay.h"

#include "ops/common.h"

namespace ridge {
namespace tables {
extern const Op op_log_decay;
const Op op_log_decay{"log_decay", "y = rate * f(x + bias); f = -e^x, -e^(-1/2) sigmoid(x) or -softplus(x)"};
}  // namespace tables

Tensor log_decay(Context& cx, const Tensor& x, Decay decay, const Tensor& bias, const Tensor& rate) {
  const char* op = "log_decay";
  expect_dtype(op, "x", x, f32);
  if (x.rank() != 2) fail(Fault::usage, "{}: x {}, expected [rows, n]", op, x.text());
  int64_t weights = 0;
  for (const Tensor* t : {&bias, &rate}) {
    if (!*t) continue;
    expect_dtype(op, t == &bias ? "bias" : "rate", *t, f32);
    expect_shape(op, t == &bias ? "bias" : "rate", *t, {x.dim(1)});
    weights += t->bytes();
  }
  expect_unwatched(cx, op, {&x, &bias, &rate});
  const Tensor y = cx.make(f32, x.shape());
  const LogDecayArgs args{rows_view(op, "x", x), y.view(), bias ? bias.view() : View{},
                          rate ? rate.view() : View{}, decay};
  cx.launch(tables::op_log_decay, &args, {6 * x.count(), x.bytes() + weights, y.bytes(), weights},
            {&y, &x, &bias, &rate});
  return y;
}

}  // namespace ridge
