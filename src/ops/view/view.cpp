#include "ops/view/view.h"

#include "ops/common.h"
#include "ops/copy/copy.h"
#include "ops/view/args.h"

namespace ridge {
namespace tables {
extern const Op op_view;
extern const Op op_slice_grad;
const Op op_view{"view", "y = x, seen in another shape"};
const Op op_slice_grad{"slice_grad", "dx of slice"};
}  // namespace tables

namespace {

// The strides of `shape` over x's memory; false where a copy would be needed. Walks both shapes in groups of
// equal element count; a group of old dimensions must be evenly spaced.
bool strides_for(const Tensor& x, const Shape& shape, int64_t* strides) {
  std::array<int64_t, kMaxRank> dim{}, step{};
  int n = 0;
  for (int i = 0; i < x.rank(); ++i)
    if (x.dim(i) != 1) dim[n] = x.dim(i), step[n] = x.stride(i), ++n;
  int from = 0, to = 0;
  while (from < n && to < shape.rank()) {
    int64_t have = dim[from], want = shape[to];
    int from_end = from + 1, to_end = to + 1;
    while (have != want) {
      if (want < have) {
        if (to_end == shape.rank()) return false;
        want *= shape[to_end++];
      } else {
        if (from_end == n) return false;
        have *= dim[from_end++];
      }
    }
    for (int i = from; i + 1 < from_end; ++i)
      if (step[i] != step[i + 1] * dim[i + 1]) return false;
    strides[to_end - 1] = step[from_end - 1];
    for (int i = to_end - 1; i > to; --i) strides[i - 1] = strides[i] * shape[i];
    from = from_end, to = to_end;
  }
  for (; to < shape.rank(); ++to) strides[to] = 1;  // only dimensions of one element are left
  return true;
}

Tensor with_strides(const Tensor& x, const Shape& shape, const int64_t* s) {
  switch (shape.rank()) {
    case 0:
      return x.strided(shape, {}, 0);
    case 1:
      return x.strided(shape, {s[0]}, 0);
    case 2:
      return x.strided(shape, {s[0], s[1]}, 0);
    case 3:
      return x.strided(shape, {s[0], s[1], s[2]}, 0);
    case 4:
      return x.strided(shape, {s[0], s[1], s[2], s[3]}, 0);
    case 5:
      return x.strided(shape, {s[0], s[1], s[2], s[3], s[4]}, 0);
    default:
      return x.strided(shape, {s[0], s[1], s[2], s[3], s[4], s[5]}, 0);
  }
}

Tensor viewed_as(const Tensor& x, const Shape& shape) {
  if (!x) fail(Fault::usage, "reshape: x is missing");
  if (shape.count() != x.count())
    fail(Fault::usage, "reshape: {} has {} elements, {} has {}", x.text(), x.count(), shape.text(),
         shape.count());
  if (x.contiguous()) return x.reshape(shape);
  int64_t strides[kMaxRank] = {};
  if (x.count() == 0 || !strides_for(x, shape, strides))
    fail(Fault::usage,
         "reshape: {} is strided and does not become {} without a copy; make it contiguous first", x.text(),
         shape.text());
  return with_strides(x, shape, strides);
}

Tensor slice_gradient(Context& cx, const Shape& shape, int dim, int64_t begin, int64_t end,
                      const Tensor& gradient) {
  const Tensor dy = contiguous(cx, gradient), dx = cx.make(f32, shape);
  SliceGradArgs args{dy.ptr<float>(), dx.ptr<float>(), 1, shape[dim], 1, begin, end};
  for (int i = 0; i < dim; ++i) args.outer *= shape[i];
  for (int i = dim + 1; i < shape.rank(); ++i) args.inner *= shape[i];
  cx.launch(tables::op_slice_grad, &args, {0, dy.bytes(), dx.bytes(), 0, 0, Rate::none}, {&dx, &dy});
  return dx;
}

}  // namespace

Tensor reshape(Context& cx, const Tensor& x, const Shape& shape) {
  const Tensor y = viewed_as(x, shape);
  return cx.taped(tables::op_view, {&x}, y,
                  [old = x.shape()](Context& c, const Tensor& dy) -> std::vector<Tensor> {
                    return {contiguous(c, dy).reshape(old)};
                  });
}

Tensor slice(Context& cx, const Tensor& x, int dim, int64_t begin, int64_t end) {
  if (!x) fail(Fault::usage, "slice: x is missing");
  const int d = dim < 0 ? dim + x.rank() : dim;
  if (d < 0 || d >= x.rank()) fail(Fault::usage, "slice: {} has no dimension {}", x.text(), dim);
  if (begin < 0 || begin > end || end > x.dim(d))
    fail(Fault::usage, "slice: [{}, {}) is not within dimension {} of {}", begin, end, d, x.text());
  const int64_t block = x.stride(d) == 1 ? x.dtype()->block : 1;
  if (begin % block != 0 || end % block != 0)
    fail(Fault::usage, "slice: [{}, {}) cuts through the blocks of {} elements of {}", begin, end, block,
         x.text());
  const Tensor y = x.slice(d, begin, end);
  return cx.taped(tables::op_view, {&x}, y,
                  [=, shape = x.shape()](Context& c, const Tensor& dy) -> std::vector<Tensor> {
                    return {slice_gradient(c, shape, d, begin, end, dy)};
                  });
}

Tensor transpose(Context& cx, const Tensor& x, int a, int b) {
  if (!x) fail(Fault::usage, "transpose: x is missing");
  if (a < 0 || b < 0 || a >= x.rank() || b >= x.rank())
    fail(Fault::usage, "transpose: {} has no dimensions {} and {}", x.text(), a, b);
  const Tensor y = x.transpose(a, b);
  return cx.taped(tables::op_view, {&x}, y, [=](Context& c, const Tensor& dy) -> std::vector<Tensor> {
    return {contiguous(c, dy.transpose(a, b))};
  });
}

Tensor contiguous(Context& cx, const Tensor& x) {
  if (!x) fail(Fault::usage, "contiguous: x is missing");
  return x.contiguous() ? x : copy(cx, x);
}

}  // namespace ridge
