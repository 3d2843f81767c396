#include "ops/wkv7/wkv7.h"

#include "ops/common.h"
#include "ops/recurrence.h"
#include "ops/wkv7/args.h"

namespace ridge {
namespace tables {
extern const Op op_wkv7;
const Op op_wkv7{"wkv7", "S <- diag(e^decay) S - (kappa * rate) (kappa^T S) + k v^T; o = S^T r"};
}  // namespace tables

Tensor wkv7(Context& cx, const Tensor& r, const Tensor& decay, const Tensor& k, const Tensor& v,
            const Tensor& kappa, const Tensor& rate, std::span<const SequenceSpan> spans,
            const Tensor& state) {
  const char* op = "wkv7";
  expect_dtype(op, "r", r, f32);
  if (r.rank() != 3) fail(Fault::usage, "{}: r {}, expected [tokens, heads, dk]", op, r.text());
  const int64_t tokens = r.dim(0), heads = r.dim(1), dk = r.dim(2);
  const auto same = [&](const char* name, const Tensor& t) {
    expect_dtype(op, name, t, f32);
    expect_shape(op, name, t, r.shape());
  };
  same("decay", decay), same("k", k), same("kappa", kappa), same("rate", rate);
  expect_dtype(op, "v", v, f32);
  if (v.rank() != 3 || v.dim(0) != tokens || v.dim(1) != heads)
    fail(Fault::usage, "{}: v {}, expected [{}, {}, dv]", op, v.text(), tokens, heads);
  const int64_t dv = v.dim(2);
  expect_unwatched(cx, op, {&r, &decay, &k, &v, &kappa, &rate});
  expect_spans(op, spans, tokens, state, {heads, dk, dv});
  const Tensor o = cx.make(f32, v.shape());
  const Wkv7Args args{heads_view(op, "r", r, tokens),
                      heads_view(op, "k", k, tokens),
                      heads_view(op, "decay", decay, tokens),
                      heads_view(op, "kappa", kappa, tokens),
                      heads_view(op, "rate", rate, tokens),
                      heads_view(op, "v", v, tokens),
                      o.view(),
                      state ? state.view() : View{},
                      spans.data(),
                      static_cast<int64_t>(spans.size())};
  const int64_t kept = state_traffic(spans, state);
  cx.launch(tables::op_wkv7, &args,
            {tokens * heads * dk * (9 * dv + 2),
             r.bytes() + decay.bytes() + k.bytes() + v.bytes() + kappa.bytes() + rate.bytes() + kept,
             o.bytes() + kept, 0, kept},
            {&o, &r, &decay, &k, &v, &kappa, &rate, &state});
  return o;
}

}  // namespace ridge
