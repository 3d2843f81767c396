#include "ops/multiply/multiply.h"

#include "ops/common.h"
#include "ops/multiply/args.h"
#include "ops/sum_rows/sum_rows.h"

namespace ridge {
namespace tables {
extern const Op op_multiply;
extern const Op op_dot_rows;
const Op op_multiply{"multiply", "y = a * b"};
const Op op_dot_rows{"dot_rows", "y[r] = a[r] . b[r]"};
}  // namespace tables

namespace {

enum class Repeat { none, row, column };

Repeat repeat_of(const Tensor& a, const Tensor& b) {
  if (a.rank() >= 1 && a.shape() == b.shape()) return Repeat::none;
  if (a.rank() >= 2 && b.rank() == 1 && b.dim(0) == a.dim(-1)) return Repeat::row;
  if (a.rank() >= 2 && b.rank() == 2 && b.dim(1) == 1 && b.dim(0) * a.dim(-1) == a.count())
    return Repeat::column;
  fail(Fault::usage, "multiply: b {} does not fit a {}: expected its shape, [n] or [rows, 1]", b.text(),
       a.text());
}

// b seen with a's rows and length, by strides of 0.
View repeated(const Tensor& b, Repeat repeat, const View& a) {
  View v = rows_view("multiply", "b", b);
  if (repeat == Repeat::row) v.stride[0] = 0;
  if (repeat == Repeat::column) v.stride[1] = 0;
  v.dim[0] = a.dim[0], v.dim[1] = a.dim[1];
  return v;
}

Tensor dot_rows(Context& cx, const Tensor& a, const Tensor& b, const Shape& shape) {
  const Tensor y = cx.make(f32, shape);
  DotRowsArgs args{rows_view("dot_rows", "a", a), rows_view("dot_rows", "b", b), y.view()};
  cx.launch(tables::op_dot_rows, &args, {2 * a.count(), a.bytes() + b.bytes(), y.bytes()}, {&y, &a, &b});
  return y;
}

}  // namespace

Tensor multiply(Context& cx, const Tensor& a, const Tensor& b) {
  expect_dtype("multiply", "a", a, f32);
  expect_dtype("multiply", "b", b, f32);
  const Repeat repeat = repeat_of(a, b);
  const Tensor y = cx.make(f32, a.shape());
  const View rows = rows_view("multiply", "a", a);
  MultiplyArgs args{rows, repeated(b, repeat, rows), rows_view("multiply", "y", y)};
  cx.launch(tables::op_multiply, &args, {a.count(), a.bytes() + b.bytes(), y.bytes()}, {&y, &a, &b});
  return cx.taped(tables::op_multiply, {&a, &b}, y, [=](Context& c, const Tensor& dy) -> std::vector<Tensor> {
    Tensor da, db;
    if (Tape::watched(a)) da = multiply(c, dy, b);
    if (Tape::watched(b)) {
      if (repeat == Repeat::column) {
        db = dot_rows(c, dy, a, b.shape());
      } else {
        db = multiply(c, dy, a);
        if (repeat == Repeat::row) db = sum_rows(c, db);
      }
    }
    return {da, db};
  });
}

}  // namespace ridge
