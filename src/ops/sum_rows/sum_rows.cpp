#include "ops/sum_rows/sum_rows.h"

#include "ops/common.h"
#include "ops/sum_rows/args.h"

namespace ridge {
namespace tables {
extern const Op op_sum_rows;
const Op op_sum_rows{"sum_rows", "y[i] = sum_r x[r, i]"};
}  // namespace tables

Tensor sum_rows(Context& cx, const Tensor& x) {
  expect_dtype("sum_rows", "x", x, f32);
  const Tensor y = cx.make(f32, {x.dim(-1)});
  SumRowsArgs args{rows_view("sum_rows", "x", x), y.view()};
  cx.launch(tables::op_sum_rows, &args, {x.count(), x.bytes(), y.bytes()}, {&y, &x});
  return cx.taped(tables::op_sum_rows, {&x}, y, [](Context&, const Tensor&) -> std::vector<Tensor> {
    fail(Fault::usage, "sum_rows: second derivatives are not taken");
  });
}

}  // namespace ridge
