#include "ops/patches/patches.h"

#include "ops/common.h"
#include "ops/patches/args.h"

namespace ridge {
namespace tables {
extern const Op op_patches;
const Op op_patches{"patches", "y[n, i, j] = x[n, :, i ph .. (i + 1) ph, j pw .. (j + 1) pw]"};
}  // namespace tables

Tensor patches(Context& cx, const Tensor& x, int64_t ph, int64_t pw) {
  expect_dtype("patches", "x", x, f32);
  if (x.rank() != 4 || !x.contiguous())
    fail(Fault::usage, "patches: x {}, expected contiguous [images, channels, height, width]", x.text());
  if (ph < 1 || pw < 1 || ph > x.dim(2) || pw > x.dim(3))
    fail(Fault::usage, "patches: patches of {} x {} do not fit x {}", ph, pw, x.text());
  expect_unwatched(cx, "patches", {&x});
  const int64_t gh = x.dim(2) / ph, gw = x.dim(3) / pw;
  const Tensor y = cx.make(f32, {x.dim(0) * gh * gw, x.dim(1) * ph * pw});
  PatchesArgs args{x.view(), y.view(), gh, gw, ph, pw};
  cx.launch(tables::op_patches, &args, {0, y.bytes(), y.bytes(), 0, 0, Rate::none}, {&y, &x});
  return y;
}

}  // namespace ridge
