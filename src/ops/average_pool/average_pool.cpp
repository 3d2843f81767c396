#include "ops/average_pool/average_pool.h"

#include "ops/average_pool/args.h"
#include "ops/common.h"

namespace ridge {
namespace tables {
extern const Op op_average_pool;
const Op op_average_pool{"average_pool", "y[i, j] = mean of the area of x that falls to (i, j)"};
}  // namespace tables

Tensor average_pool(Context& cx, const Tensor& x, int64_t out_height, int64_t out_width) {
  expect_dtype("average_pool", "x", x, f32);
  if (x.rank() != 4 || !x.contiguous())
    fail(Fault::usage, "average_pool: x {}, expected contiguous [images, height, width, channels]", x.text());
  if (out_height < 1 || out_width < 1 || x.dim(1) < 1 || x.dim(2) < 1)
    fail(Fault::usage, "average_pool: x {} cannot become {} x {}", x.text(), out_height, out_width);
  expect_unwatched(cx, "average_pool", {&x});
  const Tensor y = cx.make(f32, {x.dim(0), out_height, out_width, x.dim(3)});
  AveragePoolArgs args{x.view(), y.view()};
  cx.launch(tables::op_average_pool, &args, {x.count(), x.bytes(), y.bytes()}, {&y, &x});
  return y;
}

}  // namespace ridge
