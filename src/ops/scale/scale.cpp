#include "ops/scale/scale.h"

#include "ops/common.h"
#include "ops/scale/args.h"

namespace ridge {
namespace tables {
extern const Op op_scale;
const Op op_scale{"scale", "y = factor * x"};
}  // namespace tables

Tensor scale(Context& cx, const Tensor& x, float factor) {
  expect_dtype("scale", "x", x, f32);
  const Tensor y = cx.make(f32, x.shape());
  ScaleArgs args{rows_view("scale", "x", x), rows_view("scale", "y", y), factor};
  const int64_t n = x.count();
  cx.launch(tables::op_scale, &args, {n, 4 * n, 4 * n}, {&y, &x});
  return cx.taped(tables::op_scale, {&x}, y, [=](Context& c, const Tensor& dy) -> std::vector<Tensor> {
    return {scale(c, dy, factor)};
  });
}

}  // namespace ridge
