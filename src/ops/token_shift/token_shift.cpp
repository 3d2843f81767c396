#include "ops/token_shift/token_shift.h"

#include "ops/common.h"
#include "ops/recurrence.h"
#include "ops/token_shift/args.h"

namespace ridge {
namespace tables {
extern const Op op_token_shift;
const Op op_token_shift{"token_shift", "y[t] = x[t - 1]"};
}  // namespace tables

Tensor token_shift(Context& cx, const Tensor& x, std::span<const SequenceSpan> spans, const Tensor& state) {
  const char* op = "token_shift";
  expect_dtype(op, "x", x, f32);
  if (x.rank() != 2) fail(Fault::usage, "{}: x {}, expected [tokens, n]", op, x.text());
  expect_unwatched(cx, op, {&x});
  expect_spans(op, spans, x.dim(0), state, {x.dim(1)});
  const Tensor y = cx.make(f32, x.shape());
  const TokenShiftArgs args{rows_view(op, "x", x), y.view(), state ? state.view() : View{}, spans.data(),
                            static_cast<int64_t>(spans.size())};
  const int64_t moved = state_traffic(spans, state);
  cx.launch(tables::op_token_shift, &args, {0, x.bytes() + moved, y.bytes() + moved, 0, moved},
            {&y, &x, &state});
  return y;
}

}  // namespace ridge
