#include "ops/cross_entropy/cross_entropy.h"

#include "ops/common.h"
#include "ops/cross_entropy/args.h"

namespace ridge {
namespace tables {
extern const Op op_cross_entropy;
extern const Op op_cross_entropy_grad;
const Op op_cross_entropy{"cross_entropy", "mean over t of log(sum_j e^x[t, j]) - x[t, target]"};
const Op op_cross_entropy_grad{"cross_entropy_grad", "dlogits of cross_entropy"};
}  // namespace tables

Tensor cross_entropy(Context& cx, const Tensor& logits, const Tensor& targets) {
  expect_dtype("cross_entropy", "logits", logits, f32);
  if (logits.rank() != 2 || logits.dim(1) < 1)
    fail(Fault::usage, "cross_entropy: logits {} are not [tokens, vocab]", logits.text());
  expect_indices("cross_entropy", "targets", targets, logits.dim(0), -1, logits.dim(1));
  const Tensor y = cx.make(f32, {1});
  CrossEntropyArgs args{rows_view("cross_entropy", "logits", logits), targets.view(), y.view()};
  // Comparison, difference, exp, sum; all rows, counted or not: the price does not depend on the data.
  const int64_t n = logits.count();
  cx.launch(tables::op_cross_entropy, &args, {4 * n, 4 * n + targets.bytes(), y.bytes()},
            {&y, &logits, &targets});
  return cx.taped(tables::op_cross_entropy, {&logits}, y,
                  [=](Context& c, const Tensor& dy) -> std::vector<Tensor> {
                    const Tensor dx = c.make(f32, logits.shape());
                    CrossEntropyGradArgs g{rows_view("cross_entropy_grad", "logits", logits), targets.view(),
                                           dy.view(), rows_view("cross_entropy_grad", "dlogits", dx)};
                    c.launch(tables::op_cross_entropy_grad, &g, {7 * n, 4 * n + targets.bytes() + 4, 4 * n},
                             {&dx, &logits, &targets});
                    return {dx};
                  });
}

}  // namespace ridge
