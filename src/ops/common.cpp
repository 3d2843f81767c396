#include "ops/common.h"

#include <vector>

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

void expect_spans(const char* op, std::span<const SequenceSpan> spans, int64_t rows, const Tensor& state) {
  int64_t end = 0;
  for (const auto& s : spans) {
    if (s.begin != end || s.length < 0 || s.length > rows - end)
      fail(Fault::usage, "{}: a sequence of rows {}+{} after {} of {}: expected them end to end", op, s.begin,
           s.length, end, rows);
    end += s.length;
  }
  if (end != rows) fail(Fault::usage, "{}: sequences of {} rows in all for {}", op, end, rows);
  if (!state) return;
  std::vector<bool> taken(static_cast<size_t>(state.dim(0)));
  for (const auto& s : spans) {
    if (s.slot < 0 || s.slot >= state.dim(0))
      fail(Fault::usage, "{}: slot {} of a state of {}", op, s.slot, state.dim(0));
    if (taken[static_cast<size_t>(s.slot)])
      fail(Fault::usage, "{}: two sequences continue slot {}", op, s.slot);
    taken[static_cast<size_t>(s.slot)] = true;
  }
}

void expect_state(const char* op, const char* operand, const Tensor& t, const Shape& shape) {
  expect_dtype(op, operand, t, f32);
  bool fits = t.rank() == shape.rank() + 1 && t.contiguous();
  for (int i = 0; fits && i < shape.rank(); ++i) fits = t.dim(i + 1) == shape[i];
  if (!fits) fail(Fault::usage, "{}: {} is {}, expected slots of {}", op, operand, t.text(), shape.text());
  if (!t.storage()->writable()) fail(Fault::usage, "{}: {} {} is read-only", op, operand, t.text());
}

void expect_unwatched(const Context& cx, const char* op, std::initializer_list<const Tensor*> operands) {
  if (!cx.tape) return;
  for (const Tensor* t : operands)
    if (*t && Tape::watched(*t)) fail(Fault::usage, "{}: has no gradient, and {} is watched", op, t->text());
}

}  // namespace ridge
