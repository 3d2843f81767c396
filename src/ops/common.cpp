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

}  // namespace ridge
