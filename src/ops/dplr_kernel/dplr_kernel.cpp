#include "ops/dplr_kernel/dplr_kernel.h"

#include "ops/common.h"
#include "ops/dplr_kernel/args.h"

namespace ridge {
namespace tables {
extern const Op op_dplr_kernel;
const Op op_dplr_kernel{"dplr_kernel", "y[j] = 2 Re(c dA^j db)"};
}  // namespace tables

Tensor dplr_kernel(Context& cx, const DplrSystem& system, int64_t length) {
  const char* op = "dplr_kernel";
  DplrKernelArgs args{dplr_view(op, system), {}};
  if (length < 1) fail(Fault::usage, "{}: a length of {}", op, length);
  expect_unwatched(cx, op,
                   {&system.log_a_real, &system.a_imag, &system.b, &system.c, &system.p, &system.log_dt});
  const Tensor y = cx.make(f32, {args.system.channels, length});
  args.y = y.view();
  // For each point of the circle and state: four fractions with p, one power without.
  const int64_t each = args.system.low_rank ? 30 : 8, bytes = dplr_bytes(system);
  cx.launch(tables::op_dplr_kernel, &args,
            {each * args.system.channels * args.system.n * length, bytes, y.bytes(), bytes},
            {&y, &system.log_a_real, &system.b, &system.c, &system.p});
  return y;
}

}  // namespace ridge
