#include "ops/causal_conv1d/causal_conv1d.h"

#include "ops/causal_conv1d/args.h"
#include "ops/common.h"

namespace ridge {

namespace tables {
extern const Op op_causal_conv1d;
extern const Op op_causal_conv1d_grad;
const Op op_causal_conv1d{"causal_conv1d", "y[t] = act(bias + sum_j weight[j] * x[t - width + 1 + j])"};
const Op op_causal_conv1d_grad{"causal_conv1d_grad", "dx, dweight, dbias of causal_conv1d"};
}  // namespace tables

namespace {

constexpr const char* kOp = "causal_conv1d";

void check(const Tensor& x, const Tensor& weight, const Tensor& bias, std::span<const SequenceSpan> spans,
           const Tensor& state) {
  expect_dtype(kOp, "x", x, f32);
  expect_dtype(kOp, "weight", weight, f32);
  if (x.rank() != 2 || weight.rank() != 2 || weight.dim(0) != x.dim(1) || weight.dim(1) < 1 ||
      weight.dim(1) > kMaxConvWidth || !weight.contiguous())
    fail(Fault::usage, "{}: x {} and weight {} do not fit: expected [tokens, channels] and [channels, 1..{}]",
         kOp, x.text(), weight.text(), kMaxConvWidth);
  if (bias) {
    expect_dtype(kOp, "bias", bias, f32);
    expect_shape(kOp, "bias", bias, {x.dim(1)});
  }
  if (state) expect_state(kOp, "state", state, {weight.dim(1) - 1, x.dim(1)});
  expect_spans(kOp, spans, x.dim(0), state);
}

Cost cost_of(const Tensor& x, const Tensor& weight, const Tensor& bias, std::span<const SequenceSpan> spans,
             const Tensor& state, bool silu) {
  const int64_t width = weight.dim(1);
  const int64_t remembered =
      state ? static_cast<int64_t>(spans.size()) * (width - 1) * x.dim(1) * 4 : int64_t{0};
  Cost c;
  c.flops = x.count() * (2 * width + (bias ? 1 : 0) + (silu ? 4 : 0));
  c.weights = weight.bytes() + (bias ? bias.bytes() : 0);
  c.state = remembered;
  c.read = x.bytes() + c.weights + c.state;
  c.written = x.bytes() + remembered;
  return c;
}

CausalConv1dArgs args_of(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y,
                         const Tensor& state, std::span<const SequenceSpan> spans, bool silu) {
  return {rows_view(kOp, "x", x),
          weight.view(),
          bias.view(),
          y.view(),
          state.view(),
          spans.data(),
          static_cast<int64_t>(spans.size()),
          silu};
}

// With z the sum and g = dy act'(z): dx[t] = sum_j weight[j] g[t + width - 1 - j],
// dweight[j] = sum_t g[t] x[t - width + 1 + j], dbias = sum_t g[t].
std::vector<Tensor> gradient(Context& cx, const Tensor& x, const Tensor& weight, const Tensor& bias,
                             const std::vector<SequenceSpan>& spans, bool silu, const Tensor& dy) {
  const Tensor dx = cx.make(f32, x.shape());
  const Tensor dw = Tape::watched(weight) ? cx.make(f32, weight.shape()) : Tensor();
  const Tensor db = bias && Tape::watched(bias) ? cx.make(f32, bias.shape()) : Tensor();
  CausalConv1dGradArgs args{args_of(x, weight, bias, {}, {}, spans, silu),
                            rows_view("causal_conv1d_grad", "dy", dy), dx.view(), dw.view(), db.view()};
  Cost cost = cost_of(x, weight, bias, spans, {}, silu);
  cost.flops *= 3;  // z again, then two sums of as many products
  cost.read += dy.bytes();
  cost.written = dx.bytes() + (dw ? dw.bytes() : 0) + (db ? db.bytes() : 0);
  cx.launch(tables::op_causal_conv1d_grad, &args, cost, {&dx, &x, &weight, &dy});
  return {dx, dw, db};
}

}  // namespace

Tensor causal_conv1d(Context& cx, const Tensor& x, const Tensor& weight, const Tensor& bias,
                     std::span<const SequenceSpan> spans, const Tensor& state, bool silu) {
  check(x, weight, bias, spans, state);
  if (state) expect_unwatched(cx, "causal_conv1d with a state", {&x, &weight, &bias});
  const Tensor y = cx.make(f32, x.shape());
  const CausalConv1dArgs args = args_of(x, weight, bias, y, state, spans, silu);
  cx.launch(tables::op_causal_conv1d, &args, cost_of(x, weight, bias, spans, state, silu), {&y, &x, &weight});
  return cx.taped(tables::op_causal_conv1d, {&x, &weight, &bias}, y,
                  [=, list = std::vector<SequenceSpan>(spans.begin(), spans.end())](
                      Context& c, const Tensor& dy) { return gradient(c, x, weight, bias, list, silu, dy); });
}

}  // namespace ridge
