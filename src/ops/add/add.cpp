#include "ops/add/add.h"

#include "ops/add/args.h"
#include "ops/common.h"
#include "ops/scale/scale.h"
#include "ops/sum_rows/sum_rows.h"

namespace ridge {
namespace tables {
extern const Op op_add;
const Op op_add{"add", "y = a + scale * b"};
}  // namespace tables

Tensor add(Context& cx, const Tensor& a, const Tensor& b, float factor) {
  expect_dtype("add", "a", a, f32);
  expect_dtype("add", "b", b, f32);
  const bool row = b.rank() == 1 && a.rank() > 1;
  if (row ? b.dim(0) != a.dim(-1) : !(a.shape() == b.shape()))
    fail(Fault::usage, "add: b {} does not fit a {}", b.text(), a.text());
  const Tensor y = cx.make(f32, a.shape());
  AddArgs args{rows_view("add", "a", a), rows_view("add", "b", b), rows_view("add", "y", y), factor};
  const int64_t n = a.count();
  cx.launch(tables::op_add, &args, {factor == 1 ? n : 2 * n, 4 * n + b.bytes(), 4 * n}, {&y, &a, &b});
  return cx.taped(tables::op_add, {&a, &b}, y, [=](Context& c, const Tensor& dy) -> std::vector<Tensor> {
    Tensor db;
    if (Tape::watched(b)) {
      db = row ? sum_rows(c, dy) : dy;
      if (factor != 1) db = scale(c, db, factor);
    }
    return {dy, db};
  });
}

Tensor add(Context& cx, const Tensor& a, const Tensor& b) { return add(cx, a, b, 1); }

}  // namespace ridge
