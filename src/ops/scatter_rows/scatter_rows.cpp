#include "ops/scatter_rows/scatter_rows.h"

#include "ops/common.h"
#include "ops/scatter_rows/args.h"
#include "tensor/half_codes.h"

namespace ridge {
namespace tables {
extern const Op op_scatter_rows;
const Op op_scatter_rows{"scatter_rows", "cache[rows[t]] = x[t]"};
}  // namespace tables

void scatter_rows(Context& cx, const Tensor& x, const Tensor& cache, const Tensor& rows) {
  expect_dtype("scatter_rows", "x", x, f32);
  expect_unwatched(cx, "scatter_rows", {&x});
  if (!cache || x.rank() != 3 || cache.rank() != 3 || cache.dim(1) != x.dim(1) || cache.dim(2) != x.dim(2))
    fail(Fault::usage,
         "scatter_rows: x {} and cache {} do not fit: expected [tokens, heads, d] and [capacity, "
         "heads, d]",
         x.text(), cache.text());
  for (const Tensor* t : {&x, &cache})
    if (t->dim(2) > 1 && t->stride(2) != 1)
      fail(Fault::usage, "scatter_rows: the last dimension of {} is strided", t->text());
  if (half_code(cache.view()) < 0)
    fail(Fault::usage, "scatter_rows: a cache in {} is not written; it may be f32, f16 or bf16",
         cache.dtype().name());
  if (!cache.storage()->writable()) fail(Fault::usage, "scatter_rows: cache {} is read-only", cache.text());
  expect_indices("scatter_rows", "rows", rows, x.dim(0), 0, cache.dim(0));
  ScatterRowsArgs args{x.view(), cache.view(), rows.view()};
  cx.launch(tables::op_scatter_rows, &args,
            {0, x.bytes() + rows.bytes(), cache.dtype().bytes_of(x.count()), 0, 0, Rate::none},
            {&cache, &x, &rows});
}

}  // namespace ridge
