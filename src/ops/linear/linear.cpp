#include "ops/linear/linear.h"

#include "formats/dots.h"
#include "ops/common.h"
#include "ops/decode/decode.h"
#include "ops/linear/args.h"
#include "ops/sum_rows/sum_rows.h"

namespace ridge {
namespace tables {
extern const Op op_linear;
extern const Op op_matmul;
const Op op_linear{"linear", "y = x W^T + bias"};
const Op op_matmul{"matmul", "c = a b (f32)"};
}  // namespace tables

Tensor matmul(Context& cx, const Tensor& a, const Tensor& b) {
  expect_dtype("matmul", "a", a, f32);
  expect_dtype("matmul", "b", b, f32);
  if (a.rank() != 2 || b.rank() != 2 || a.dim(1) != b.dim(0))
    fail(Fault::usage, "matmul: a {} and b {} do not fit", a.text(), b.text());
  const Tensor c = cx.make(f32, {a.dim(0), b.dim(1)});
  MatmulArgs args{a.view(), rows_view("matmul", "b", b), c.view()};
  cx.launch(tables::op_matmul, &args, {2 * c.count() * a.dim(1), a.bytes() + b.bytes(), c.bytes()},
            {&c, &a, &b});
  return c;
}

namespace {

// As a matrix: rows may be strided.
Tensor rows_of(const char* name, const Tensor& t) {
  const View v = rows_view("linear (gradient)", name, t);
  return t.strided({v.dim[0], v.dim[1]}, {v.stride[0], 1}, 0);
}

// dx = dy W, dW = dy^T x, dbias = sum over rows of dy.
std::vector<Tensor> gradient(Context& cx, const Tensor& x, const Tensor& w, const Tensor& bias,
                             const Tensor& dy) {
  const Tensor dy2 = rows_of("dy", dy);
  Tensor dx, dw, db;
  if (Tape::watched(x)) dx = matmul(cx, dy2, decode(cx, w)).reshape(x.shape());
  if (Tape::watched(w)) {
    expect_dtype("linear (gradient)", "w", w, f32);
    dw = matmul(cx, dy2.transpose(0, 1), rows_of("x", x));
  }
  if (bias && Tape::watched(bias)) db = sum_rows(cx, dy2);
  return {dx, dw, db};
}

}  // namespace

Tensor linear(Context& cx, const Tensor& x, const Tensor& w, const Tensor& bias) {
  expect_dtype("linear", "x", x, f32);
  if (!w || w.rank() != 2 || w.dim(1) != x.dim(-1) || w.dtype()->kind == FormatKind::integer)
    fail(Fault::usage, "linear: weight {} does not fit x {}: expected [n, {}]", w.text(), x.text(),
         x.dim(-1));
  if (w.stride(1) != 1 || w.stride(0) % w.dtype()->block != 0)
    fail(Fault::usage, "linear: weight {} is strided; copy it first", w.text());
  if (bias) {
    expect_dtype("linear", "bias", bias, f32);
    expect_shape("linear", "bias", bias, {w.dim(0)});
  }
  Shape shape = x.shape();
  shape[-1] = w.dim(0);
  const Tensor y = cx.make(f32, shape);
  const auto& choice = cx.kernels();
  LinearArgs args{rows_view("linear", "x", x),
                  w.view(),
                  bias.view(),
                  rows_view("linear", "y", y),
                  find_dot(*w.dtype(), choice.features, choice.exact),
                  find_dot(f32, choice.features, true),
                  find_dot(*w.dtype(), choice.features, choice.exact, true),
                  cx.generating};
  const int64_t weights = w.bytes() + (bias ? bias.bytes() : 0);
  const Cost cost{2 * y.count() * w.dim(1) + (bias ? y.count() : 0), x.bytes() + weights, y.bytes(), weights};
  cx.launch(tables::op_linear, &args, cost, {&y, &x, &w});
  return cx.taped(tables::op_linear, {&x, &w, &bias}, y,
                  [=](Context& c, const Tensor& dy) { return gradient(c, x, w, bias, dy); });
}

}  // namespace ridge
