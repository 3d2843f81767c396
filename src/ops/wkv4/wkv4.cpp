#include "ops/wkv4/wkv4.h"

#include "ops/common.h"
#include "ops/recurrence.h"

namespace ridge {
namespace tables {
extern const Op op_wkv4;
const Op op_wkv4{"wkv4", "y = (sum e^(decay age + k) v) / (sum e^(decay age + k))"};
}  // namespace tables

Tensor wkv4(Context& cx, const Tensor& k, const Tensor& v, const Tensor& decay, const Tensor& first,
            std::span<const SequenceSpan> spans, const Tensor& sums, const Tensor& largest) {
  const char* op = "wkv4";
  expect_dtype(op, "k", k, f32);
  if (k.rank() != 2) fail(Fault::usage, "{}: k {}, expected [tokens, n]", op, k.text());
  const int64_t n = k.dim(1);
  expect_dtype(op, "v", v, f32);
  expect_shape(op, "v", v, k.shape());
  for (const Tensor* t : {&decay, &first}) {
    expect_dtype(op, t == &decay ? "decay" : "first", *t, f32);
    expect_shape(op, t == &decay ? "decay" : "first", *t, {n});
  }
  expect_unwatched(cx, op, {&k, &v, &decay, &first});
  expect_spans(op, spans, k.dim(0), sums, {2, n});
  expect_spans(op, spans, k.dim(0), largest, {n});
  if (static_cast<bool>(sums) != static_cast<bool>(largest))
    fail(Fault::usage, "{}: a state has both sums and largest exponents", op);
  const Tensor y = cx.make(f32, k.shape());
  const Wkv4Args args{rows_view(op, "k", k),
                      rows_view(op, "v", v),
                      y.view(),
                      decay.view(),
                      first.view(),
                      sums ? sums.view() : View{},
                      largest ? largest.view() : View{},
                      spans.data(),
                      static_cast<int64_t>(spans.size())};
  const int64_t kept = state_traffic(spans, sums) + state_traffic(spans, largest), weights = 8 * n;
  cx.launch(tables::op_wkv4, &args,
            {18 * k.count(), k.bytes() + v.bytes() + weights + kept, y.bytes() + kept, weights, kept},
            {&y, &k, &v, &decay, &first, &sums, &largest});
  return y;
}

}  // namespace ridge
