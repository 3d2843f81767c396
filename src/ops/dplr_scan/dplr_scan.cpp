#include "ops/dplr_scan/dplr_scan.h"

#include "ops/common.h"
#include "ops/dplr_scan/args.h"

namespace ridge {
namespace tables {
extern const Op op_dplr_scan;
const Op op_dplr_scan{"dplr_scan", "x <- dA x + db u; y = 2 Re(c x) + skip u"};
}  // namespace tables

Tensor dplr_scan(Context& cx, const Tensor& u, const DplrSystem& system, const Tensor& skip,
                 const Tensor& state) {
  const char* op = "dplr_scan";
  expect_dtype(op, "u", u, f32);
  DplrScanArgs args{dplr_view(op, system), {}, {}, nullptr, nullptr};
  const int64_t channels = args.system.channels, n = args.system.n;
  if (u.rank() != 3 || u.dim(2) != channels || !u.contiguous())
    fail(Fault::usage, "{}: u {}, expected contiguous [sequences, length, {}]", op, u.text(), channels);
  expect_dtype(op, "skip", skip, f32);
  expect_shape(op, "skip", skip, {channels});
  if (state) {
    expect_dtype(op, "state", state, f32);
    expect_shape(op, "state", state, {u.dim(0), channels, n, 2});
  }
  expect_unwatched(cx, op, {&u, &skip, &system.c, &system.b, &system.p, &system.log_dt});
  const Tensor y = cx.make(f32, u.shape());
  args.u = u.view(), args.y = y.view();
  args.skip = skip.has_data() ? skip.ptr<float>() : nullptr;
  args.state = state && state.has_data() ? state.ptr<float>() : nullptr;
  const int64_t each = args.system.low_rank ? 40 : 12, weights = dplr_bytes(system) + skip.bytes();
  const int64_t kept = state ? state.bytes() : 0;
  cx.launch(tables::op_dplr_scan, &args,
            {each * n * u.count(), u.bytes() + weights + kept, y.bytes() + kept, weights, kept},
            {&y, &u, &system.c, &system.b, &system.p, &state});
  return y;
}

}  // namespace ridge
