#include "ops/mix_experts/mix_experts.h"

#include "ops/common.h"
#include "ops/mix_experts/args.h"

namespace ridge {
namespace tables {
extern const Op op_mix_experts;
const Op op_mix_experts{"mix_experts", "y[t] = sum_i weights[t, i] * x[t, i]"};
}  // namespace tables

Tensor mix_experts(Context& cx, const Tensor& x, const Tensor& weights) {
  expect_dtype("mix_experts", "x", x, f32);
  expect_dtype("mix_experts", "weights", weights, f32);
  expect_unwatched(cx, "mix_experts", {&x, &weights});
  if (x.rank() != 3 || !x.contiguous() || !weights.contiguous() ||
      !(weights.shape() == Shape{x.dim(0), x.dim(1)}))
    fail(Fault::usage,
         "mix_experts: x {} and weights {} do not fit: expected [tokens, k, n] and [tokens, k], "
         "contiguous",
         x.text(), weights.text());
  const Tensor y = cx.make(f32, {x.dim(0), x.dim(2)});
  MixExpertsArgs args{x.view(), weights.view(), y.view()};
  cx.launch(tables::op_mix_experts, &args, {2 * x.count(), x.bytes() + weights.bytes(), y.bytes()},
            {&y, &x, &weights});
  return y;
}

}  // namespace ridge
