#include "ops/ssd/ssd.h"

#include "ops/common.h"
#include "ops/ssd/args.h"

namespace ridge {

namespace tables {
extern const Op op_ssd;
const Op op_ssd{"ssd", "S = exp(dt a) S + dt b x^T; y = S^T c + d x"};
}  // namespace tables

namespace {

constexpr const char* kOp = "ssd";

// Only the tokens may be strided.
void expect_dense(const char* name, const Tensor& t) {
  if ((t.dim(2) > 1 && t.stride(2) != 1) || (t.dim(1) > 1 && t.stride(1) != t.dim(2)))
    fail(Fault::usage, "{}: {} {} is strided within a token; copy it first", kOp, name, t.text());
}

void check(const Tensor& x, const Tensor& dt, const SsdWeights& w, const Tensor& b, const Tensor& c,
           std::span<const SequenceSpan> spans, const Tensor& state) {
  expect_dtype(kOp, "x", x, f32);
  expect_dtype(kOp, "b", b, f32);
  if (x.rank() != 3 || b.rank() != 3 || b.dim(0) != x.dim(0) || b.dim(1) < 1 || x.dim(1) % b.dim(1) != 0)
    fail(Fault::usage,
         "{}: x {} and b {} do not fit: expected [tokens, heads, p] and [tokens, groups, n], heads a "
         "multiple of "
         "groups",
         kOp, x.text(), b.text());
  const auto expect = [](const char* name, const Tensor& t, const Shape& shape) {
    expect_dtype(kOp, name, t, f32);
    expect_shape(kOp, name, t, shape);
  };
  const int64_t heads = x.dim(1);
  expect("c", c, b.shape());
  expect("dt", dt, {x.dim(0), heads});
  expect("a_log", w.a_log, {heads});
  if (w.dt_bias) expect("dt_bias", w.dt_bias, {heads});
  if (w.d) expect("d", w.d, {heads});
  expect_dense("x", x), expect_dense("b", b), expect_dense("c", c);
  if (dt.dim(1) > 1 && dt.stride(1) != 1)
    fail(Fault::usage, "{}: dt {} is strided within a token; copy it first", kOp, dt.text());
  if (!(w.dt_min >= 0) || !(w.dt_max >= w.dt_min))
    fail(Fault::usage, "{}: time steps between {} and {}", kOp, w.dt_min, w.dt_max);
  if (state) expect_state(kOp, "state", state, {heads, b.dim(2), x.dim(2)});
  expect_spans(kOp, spans, x.dim(0), state);
}

// By the recurrence. An element of the state: three products and two sums, and two for y. A head of a token:
// softplus (3), bias, clamp (2), the decay (2); an element of x: delta x and d x (2).
Cost cost_of(const Tensor& x, const Tensor& dt, const SsdWeights& w, const Tensor& b,
             std::span<const SequenceSpan> spans, const Tensor& state) {
  Cost c;
  const int64_t n = b.dim(2);
  c.flops =
      x.count() * n * 5 + x.count() * (w.d ? 3 : 1) + dt.count() * (w.dt_bias ? 8 : 7) + w.a_log.count();
  c.weights = w.a_log.bytes() + (w.dt_bias ? w.dt_bias.bytes() : 0) + (w.d ? w.d.bytes() : 0);
  if (state) c.state = static_cast<int64_t>(spans.size()) * x.dim(1) * n * x.dim(2) * 4;
  c.read = x.bytes() + dt.bytes() + 2 * b.bytes() + c.weights + c.state;
  c.written = x.bytes() + c.state;
  return c;
}

}  // namespace

Tensor ssd(Context& cx, const Tensor& x, const Tensor& dt, const SsdWeights& w, const Tensor& b,
           const Tensor& c, std::span<const SequenceSpan> spans, const Tensor& state) {
  check(x, dt, w, b, c, spans, state);
  expect_unwatched(cx, kOp, {&x, &dt, &w.a_log, &w.dt_bias, &w.d, &b, &c});
  const Tensor y = cx.make(f32, x.shape());
  SsdArgs args{x.view(),
               dt.view(),
               w.a_log.view(),
               w.dt_bias.view(),
               w.d.view(),
               b.view(),
               c.view(),
               y.view(),
               state.view(),
               spans.data(),
               static_cast<int64_t>(spans.size()),
               w.dt_min,
               w.dt_max};
  cx.launch(tables::op_ssd, &args, cost_of(x, dt, w, b, spans, state), {&y, &x, &dt, &b, &c, &w.a_log});
  return y;
}

}  // namespace ridge
