#include "ops/rope/rope.h"

#include "ops/common.h"
#include "ops/rope/args.h"

namespace ridge {
namespace tables {
extern const Op op_rope;
const Op op_rope{"rope", "(y_i, y_j) = factor R(position * frequency_i) (x_i, x_j)"};
}  // namespace tables

namespace {

Tensor turned(Context& cx, const Tensor& x, const Tensor& positions, const Tensor& frequencies,
              const RopeOptions& o, float direction) {
  const Tensor y = cx.make(f32, x.shape());
  RopeArgs args{x.view(), positions.view(), frequencies.view(), y.view(), o.interleaved, o.factor, direction};
  const int64_t pairs = x.dim(0) * x.dim(1) * frequencies.dim(0);
  // Four products and two sums a pair; the sines, once a token, are not counted.
  cx.launch(tables::op_rope, &args,
            {6 * pairs, x.bytes() + positions.bytes() + frequencies.bytes(), y.bytes()},
            {&y, &x, &positions});
  return y;
}

}  // namespace

Tensor rope(Context& cx, const Tensor& x, const Tensor& positions, const Tensor& inverse_frequencies,
            const RopeOptions& options) {
  expect_dtype("rope", "x", x, f32);
  expect_dtype("rope", "inverse_frequencies", inverse_frequencies, f32);
  if (x.rank() != 3 || (x.dim(2) > 1 && x.stride(2) != 1))
    fail(Fault::usage, "rope: x {} is not [tokens, heads, d], dense in d", x.text());
  if (inverse_frequencies.rank() != 1 || !inverse_frequencies.contiguous() ||
      2 * inverse_frequencies.dim(0) > x.dim(2))
    fail(Fault::usage, "rope: inverse_frequencies {} do not fit x {}: expected [dims / 2], dims <= {}",
         inverse_frequencies.text(), x.text(), x.dim(2));
  expect_dtype("rope", "positions", positions, i32);
  if (positions.count() != x.dim(0) || !positions.contiguous())
    fail(Fault::usage, "rope: positions {} do not fit x {}: expected [{}]", positions.text(), x.text(),
         x.dim(0));
  const Tensor y = turned(cx, x, positions, inverse_frequencies, options, 1);
  return cx.taped(tables::op_rope, {&x}, y, [=](Context& c, const Tensor& dy) -> std::vector<Tensor> {
    return {turned(c, dy, positions, inverse_frequencies, options, -1)};
  });
}

}  // namespace ridge
