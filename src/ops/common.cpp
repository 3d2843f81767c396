#include "ops/common.h"

namespace ridge {

View rows_view(const char* op, const char* operand, const Tensor& t) {
  if (!t) fail(Fault::usage, "{}: {} is missing", op, operand);
  View v = t.view();
  if (v.rank == 0) fail(Fault::usage, "{}: {} is a scalar, expected [.., n]", op, operand);
  if (v.rank >= 1 && v.dim[v.rank - 1] > 1 && v.stride[v.rank - 1] != 1)
    fail(Fault::usage, "{}: the last dimension of {} {} is strided; copy it first", op, operand, t.text());
  View r = v;
  r.rank = 2;
  r.dim[1] = v.dim[v.rank - 1];
  r.stride[1] = 1;
  r.dim[0] = 1;
  r.stride[0] = r.dim[1];
  bool any = false;
  for (int i = v.rank - 2; i >= 0; --i) {
    if (v.dim[i] == 1) continue;
    if (!any) {
      r.stride[0] = v.stride[i];
      any = true;
    } else if (r.dim[0] > 0 && v.stride[i] != r.stride[0] * r.dim[0]) {
      fail(Fault::usage, "{}: the rows of {} {} are not evenly spaced; copy it first", op, operand, t.text());
    }
    r.dim[0] *= v.dim[i];
  }
  return r;
}

void expect_dtype(const char* op, const char* operand, const Tensor& t, DType dtype) {
  if (!t) fail(Fault::usage, "{}: {} is missing", op, operand);
  if (!(t.dtype() == dtype))
    fail(Fault::usage, "{}: {} is {}, expected {}", op, operand, t.text(), dtype.name());
}

void expect_shape(const char* op, const char* operand, const Tensor& t, const Shape& shape) {
  if (!t) fail(Fault::usage, "{}: {} is missing", op, operand);
  if (!(t.shape() == shape))
    fail(Fault::usage, "{}: {} is {}, expected {}", op, operand, t.text(), shape.text());
}

void expect_indices(const char* op, const char* operand, const Tensor& t, int64_t n, int64_t first,
                    int64_t end) {
  expect_dtype(op, operand, t, i32);
  if (t.count() != n || !t.contiguous())
    fail(Fault::usage, "{}: {} is {}, expected {} dense indices", op, operand, t.text(), n);
  if (!t.has_data()) return;
  const auto* v = t.ptr<const int32_t>();
  for (int64_t i = 0; i < n; ++i)
    if (v[i] < first || v[i] >= end)
      fail(Fault::usage, "{}: {}[{}] is {}, outside [{}, {})", op, operand, i, v[i], first, end);
}

void expect_unwatched(const Context& cx, const char* op, std::initializer_list<const Tensor*> operands) {
  if (!cx.tape) return;
  for (const Tensor* t : operands)
    if (*t && Tape::watched(*t)) fail(Fault::usage, "{}: has no gradient, and {} is watched", op, t->text());
}

}  // namespace ridge
