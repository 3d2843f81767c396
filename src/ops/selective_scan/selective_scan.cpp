#include "ops/selective_scan/selective_scan.h"

#include "ops/common.h"
#include "ops/selective_scan/args.h"

namespace ridge {

namespace tables {
extern const Op op_selective_scan;
extern const Op op_selective_scan_grad;
const Op op_selective_scan{"selective_scan", "h = exp(dt a) h + dt x b; y = (c h + d x) silu(z)"};
const Op op_selective_scan_grad{"selective_scan_grad", "the gradients of selective_scan"};
}  // namespace tables

namespace {

constexpr const char* kOp = "selective_scan";

struct Operands {
  Tensor x, dt, b, c, z;
  SelectiveScanWeights w;
};

void check(const Operands& o, std::span<const SequenceSpan> spans, const Tensor& state) {
  expect_dtype(kOp, "x", o.x, f32);
  expect_dtype(kOp, "a_log", o.w.a_log, f32);
  if (o.x.rank() != 2 || o.w.a_log.rank() != 2 || o.w.a_log.dim(0) != o.x.dim(1) || o.w.a_log.dim(1) < 1 ||
      !o.w.a_log.contiguous())
    fail(Fault::usage, "{}: x {} and a_log {} do not fit: expected [tokens, channels] and [channels, n]", kOp,
         o.x.text(), o.w.a_log.text());
  const int64_t tokens = o.x.dim(0), channels = o.x.dim(1), n = o.w.a_log.dim(1);
  const auto expect = [](const char* name, const Tensor& t, const Shape& shape) {
    expect_dtype(kOp, name, t, f32);
    expect_shape(kOp, name, t, shape);
  };
  expect("dt", o.dt, {tokens, channels});
  expect("b", o.b, {tokens, n});
  expect("c", o.c, {tokens, n});
  if (o.z) expect("z", o.z, {tokens, channels});
  if (o.w.dt_bias) expect("dt_bias", o.w.dt_bias, {channels});
  if (o.w.d) expect("d", o.w.d, {channels});
  if (state) expect_state(kOp, "state", state, {n, channels});
  expect_spans(kOp, spans, tokens, state);
}

// An element of the state: the product with a, the exponential, four products and sums for h, two for y.
// A channel of a token: softplus (3) and bias, delta x, d x (2), the gate (5).
Cost cost_of(const Operands& o, std::span<const SequenceSpan> spans, const Tensor& state) {
  const int64_t elements = o.x.count(), n = o.w.a_log.dim(1);
  Cost c;
  c.flops = elements * n * 7 + elements * (4 + (o.w.dt_bias ? 1 : 0) + (o.w.d ? 2 : 0) + (o.z ? 5 : 0)) +
            2 * o.w.a_log.count();
  c.weights = o.w.a_log.bytes() + (o.w.dt_bias ? o.w.dt_bias.bytes() : 0) + (o.w.d ? o.w.d.bytes() : 0);
  if (state) c.state = static_cast<int64_t>(spans.size()) * o.w.a_log.bytes();
  c.read =
      o.x.bytes() + o.dt.bytes() + o.b.bytes() + o.c.bytes() + (o.z ? o.z.bytes() : 0) + c.weights + c.state;
  c.written = o.x.bytes() + c.state;
  return c;
}

View optional_rows(const char* name, const Tensor& t) { return t ? rows_view(kOp, name, t) : View{}; }

SelectiveScanArgs args_of(const Operands& o, const Tensor& y, const Tensor& state,
                          std::span<const SequenceSpan> spans) {
  return {rows_view(kOp, "x", o.x),
          rows_view(kOp, "dt", o.dt),
          o.w.a_log.view(),
          o.w.dt_bias.view(),
          o.w.d.view(),
          rows_view(kOp, "b", o.b),
          rows_view(kOp, "c", o.c),
          optional_rows("z", o.z),
          y.view(),
          state.view(),
          spans.data(),
          static_cast<int64_t>(spans.size())};
}

// With g = dy silu(z), and dh[t] what of the loss flows into h[t] (from c[t] g[t] and, through the decay e,
// from dh[t+1]): db = sum_c dh delta x, dc = sum_c g h, da = sum_t dh delta e h[t-1],
// ddelta = sum_n dh (a e h[t-1] + x b), dx = d g + sum_n dh delta b.
std::vector<Tensor> gradient(Context& cx, const Operands& o, const std::vector<SequenceSpan>& spans,
                             const Tensor& dy) {
  const auto like = [&](const Tensor& t) { return t ? cx.make(f32, t.shape()) : Tensor(); };
  const Tensor dx = like(o.x), ddt = like(o.dt), da = like(o.w.a_log), dbias = like(o.w.dt_bias),
               dd = like(o.w.d), db = like(o.b), dc = like(o.c), dz = like(o.z);
  SelectiveScanGradArgs args{args_of(o, {}, {}, spans),
                             rows_view("selective_scan_grad", "dy", dy),
                             dx.view(),
                             ddt.view(),
                             da.view(),
                             dbias.view(),
                             dd.view(),
                             db.view(),
                             dc.view(),
                             dz.view()};
  Cost cost = cost_of(o, spans, {});
  cost.flops *= 3;  // the states again, then about as many products twice
  cost.read += dy.bytes();
  cost.written = 0;
  for (const Tensor* t : {&dx, &ddt, &da, &dbias, &dd, &db, &dc, &dz}) cost.written += *t ? t->bytes() : 0;
  cx.launch(tables::op_selective_scan_grad, &args, cost, {&dx, &o.x, &o.dt, &o.w.a_log, &o.b, &o.c, &dy});
  return {dx, ddt, da, dbias, dd, db, dc, dz};
}

}  // namespace

Tensor selective_scan(Context& cx, const Tensor& x, const Tensor& dt, const SelectiveScanWeights& w,
                      const Tensor& b, const Tensor& c, const Tensor& z, std::span<const SequenceSpan> spans,
                      const Tensor& state) {
  const Operands o{x, dt, b, c, z, w};
  check(o, spans, state);
  if (state)
    expect_unwatched(cx, "selective_scan with a state", {&x, &dt, &w.a_log, &w.dt_bias, &w.d, &b, &c, &z});
  const Tensor y = cx.make(f32, x.shape());
  const SelectiveScanArgs args = args_of(o, y, state, spans);
  cx.launch(tables::op_selective_scan, &args, cost_of(o, spans, state), {&y, &x, &dt, &b, &c, &w.a_log});
  return cx.taped(tables::op_selective_scan, {&x, &dt, &w.a_log, &w.dt_bias, &w.d, &b, &c, &z}, y,
                  [=, list = std::vector<SequenceSpan>(spans.begin(), spans.end())](
                      Context& context, const Tensor& dy) { return gradient(context, o, list, dy); });
}

}  // namespace ridge
