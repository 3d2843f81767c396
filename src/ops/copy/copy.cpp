#include "ops/copy/copy.h"

#include "ops/common.h"
#include "ops/copy/args.h"

namespace ridge {
namespace tables {
extern const Op op_copy;
const Op op_copy{"copy", "y = x, contiguous"};
}  // namespace tables

namespace {

View rank4(const View& v) {
  View r = v;
  r.rank = 4;
  for (int i = 0; i < 4; ++i) {
    const int from = i - (4 - v.rank);
    r.dim[i] = from < 0 ? 1 : v.dim[from];
    r.stride[i] = from < 0 ? 0 : v.stride[from];
  }
  return r;
}

}  // namespace

Tensor copy(Context& cx, const Tensor& x) {
  expect_dtype("copy", "x", x, f32);
  if (x.rank() > 4) fail(Fault::usage, "copy: x {} has more than 4 dimensions", x.text());
  const Tensor y = cx.make(f32, x.shape());
  CopyArgs args{rank4(x.view()), rank4(y.view())};
  cx.launch(tables::op_copy, &args, {0, x.bytes(), y.bytes(), 0, 0, Rate::none}, {&y, &x});
  return cx.taped(tables::op_copy, {&x}, y,
                  [](Context&, const Tensor& dy) -> std::vector<Tensor> { return {dy}; });
}

}  // namespace ridge
