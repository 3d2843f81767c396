#include "ops/rg_lru/rg_lru.h"

#include "ops/common.h"
#include "ops/recurrence.h"
#include "ops/rg_lru/args.h"

namespace ridge {
namespace tables {
extern const Op op_rg_lru;
const Op op_rg_lru{"rg_lru", "h = a h + sqrt(1 - a^2) sigmoid(i) x, a = e^(-8 softplus(p) sigmoid(f))"};
}  // namespace tables

Tensor rg_lru(Context& cx, const Tensor& x, const Tensor& input, const Tensor& forget,
              const Tensor& parameter, const Tensor& positions, std::span<const SequenceSpan> spans,
              const Tensor& state) {
  const char* op = "rg_lru";
  expect_dtype(op, "x", x, f32);
  if (x.rank() != 2) fail(Fault::usage, "{}: x {}, expected [tokens, n]", op, x.text());
  for (const Tensor* t : {&input, &forget}) {
    expect_dtype(op, t == &input ? "input" : "forget", *t, f32);
    expect_shape(op, t == &input ? "input" : "forget", *t, x.shape());
  }
  expect_dtype(op, "parameter", parameter, f32);
  expect_shape(op, "parameter", parameter, {x.dim(1)});
  expect_indices(op, "positions", positions, x.dim(0), 0, INT32_MAX);
  expect_unwatched(cx, op, {&x, &input, &forget, &parameter});
  expect_spans(op, spans, x.dim(0), state, {x.dim(1)});
  const Tensor y = cx.make(f32, x.shape());
  const RgLruArgs args{rows_view(op, "x", x),
                       rows_view(op, "input", input),
                       rows_view(op, "forget", forget),
                       y.view(),
                       parameter.view(),
                       positions.has_data() ? positions.ptr<int32_t>() : nullptr,
                       state ? state.view() : View{},
                       spans.data(),
                       static_cast<int64_t>(spans.size())};
  const int64_t kept = state_traffic(spans, state), n = x.count();
  cx.launch(
      tables::op_rg_lru, &args,
      {18 * n, 12 * n + parameter.bytes() + positions.bytes() + kept, 4 * n + kept, parameter.bytes(), kept},
      {&y, &x, &input, &forget, &parameter, &positions, &state});
  return y;
}

}  // namespace ridge
