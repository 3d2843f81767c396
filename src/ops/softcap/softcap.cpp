#include "ops/softcap/softcap.h"

#include "ops/common.h"
#include "ops/softcap/args.h"

namespace ridge {
namespace tables {
extern const Op op_softcap;
extern const Op op_softcap_grad;
const Op op_softcap{"softcap", "y = cap * tanh(x / cap)"};
const Op op_softcap_grad{"softcap_grad", "dx of softcap"};
}  // namespace tables

Tensor softcap(Context& cx, const Tensor& x, float cap) {
  expect_dtype("softcap", "x", x, f32);
  if (!(cap > 0)) fail(Fault::usage, "softcap: the cap is {}, expected a positive number", cap);
  const Tensor y = cx.make(f32, x.shape());
  SoftcapArgs args{rows_view("softcap", "x", x), rows_view("softcap", "y", y), cap};
  const int64_t n = x.count();
  cx.launch(tables::op_softcap, &args, {3 * n, 4 * n, 4 * n}, {&y, &x});
  return cx.taped(tables::op_softcap, {&x}, y, [=](Context& c, const Tensor& dy) -> std::vector<Tensor> {
    const Tensor dx = c.make(f32, x.shape());
    SoftcapGradArgs g{rows_view("softcap_grad", "y", y), rows_view("softcap_grad", "dy", dy),
                      rows_view("softcap_grad", "dx", dx), cap};
    c.launch(tables::op_softcap_grad, &g, {4 * n, 8 * n, 4 * n}, {&dx, &y, &dy});
    return {dx};
  });
}

}  // namespace ridge
