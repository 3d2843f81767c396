#include "ops/gated_delta_rule/gated_delta_rule.h"

#include "ops/common.h"
#include "ops/gated_delta_rule/args.h"
#include "ops/recurrence.h"

namespace ridge {
namespace tables {
extern const Op op_gated_delta_rule;
const Op op_gated_delta_rule{"gated_delta_rule", "S <- e^decay S; S <- S + beta k (v - S^T k)^T; o = S^T q"};
}  // namespace tables

Tensor gated_delta_rule(Context& cx, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& decay,
                        const Tensor& beta, std::span<const SequenceSpan> spans, const Tensor& state) {
  const char* op = "gated_delta_rule";
  expect_dtype(op, "q", q, f32);
  if (q.rank() != 3) fail(Fault::usage, "{}: q {}, expected [tokens, key_heads, dk]", op, q.text());
  const int64_t tokens = q.dim(0), dk = q.dim(2);
  expect_dtype(op, "k", k, f32);
  expect_shape(op, "k", k, q.shape());
  expect_dtype(op, "v", v, f32);
  if (v.rank() != 3 || v.dim(0) != tokens || q.dim(1) < 1 || v.dim(1) % q.dim(1) != 0)
    fail(Fault::usage, "{}: v {}, expected [{}, a multiple of {} heads, dv]", op, v.text(), tokens, q.dim(1));
  const int64_t heads = v.dim(1), dv = v.dim(2);
  for (const Tensor* t : {&decay, &beta}) {
    expect_dtype(op, t == &decay ? "decay" : "beta", *t, f32);
    expect_shape(op, t == &decay ? "decay" : "beta", *t, {tokens, heads});
  }
  expect_unwatched(cx, op, {&q, &k, &v, &decay, &beta});
  expect_spans(op, spans, tokens, state, {heads, dk, dv});
  const Tensor o = cx.make(f32, v.shape());
  const GatedDeltaRuleArgs args{heads_view(op, "q", q, tokens),    heads_view(op, "k", k, tokens),
                                heads_view(op, "v", v, tokens),    o.view(),
                                rows_view(op, "decay", decay),     rows_view(op, "beta", beta),
                                state ? state.view() : View{},     spans.data(),
                                static_cast<int64_t>(spans.size())};
  const int64_t kept = state_traffic(spans, state);
  cx.launch(
      tables::op_gated_delta_rule, &args,
      {tokens * heads * dk * (7 * dv),
       q.bytes() + k.bytes() + v.bytes() + decay.bytes() + beta.bytes() + kept, o.bytes() + kept, 0, kept},
      {&o, &q, &k, &v, &decay, &beta, &state});
  return o;
}

}  // namespace ridge
