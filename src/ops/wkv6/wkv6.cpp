#include "ops/wkv6/wkv6.h"

#include "ops/common.h"
#include "ops/recurrence.h"
#include "ops/wkv6/args.h"

namespace ridge {
namespace tables {
extern const Op op_wkv6;
const Op op_wkv6{"wkv6", "o = S^T r; S <- diag(e^decay) S + k v^T"};
}  // namespace tables

Tensor wkv6(Context& cx, const Tensor& r, const Tensor& k, const Tensor& v, const Tensor& decay,
            std::span<const SequenceSpan> spans, const Tensor& state) {
  const char* op = "wkv6";
  expect_dtype(op, "r", r, f32);
  if (r.rank() != 3) fail(Fault::usage, "{}: r {}, expected [tokens, heads, dk]", op, r.text());
  const int64_t tokens = r.dim(0), heads = r.dim(1), dk = r.dim(2);
  expect_dtype(op, "k", k, f32);
  expect_shape(op, "k", k, r.shape());
  expect_dtype(op, "v", v, f32);
  if (v.rank() != 3 || v.dim(0) != tokens || v.dim(1) != heads)
    fail(Fault::usage, "{}: v {}, expected [{}, {}, dv]", op, v.text(), tokens, heads);
  const int64_t dv = v.dim(2);
  expect_dtype(op, "decay", decay, f32);
  if (!(decay.shape() == r.shape())) expect_shape(op, "decay", decay, {1, heads, dk});
  expect_unwatched(cx, op, {&r, &k, &v, &decay});
  expect_spans(op, spans, tokens, state, {heads, dk, dv});
  const Tensor o = cx.make(f32, v.shape());
  const Wkv6Args args{heads_view(op, "r", r, tokens),
                      heads_view(op, "k", k, tokens),
                      heads_view(op, "v", v, tokens),
                      o.view(),
                      heads_view(op, "decay", decay, tokens),
                      state ? state.view() : View{},
                      spans.data(),
                      static_cast<int64_t>(spans.size())};
  const int64_t kept = state_traffic(spans, state);
  cx.launch(tables::op_wkv6, &args,
            {tokens * heads * (dk * (5 * dv + 1)), r.bytes() + k.bytes() + v.bytes() + decay.bytes() + kept,
             o.bytes() + kept, 0, kept},
            {&o, &r, &k, &v, &decay, &state});
  return o;
}

}  // namespace ridge
