#include "ops/recurrence.h"

#include <vector>

#include "ops/common.h"

namespace ridge {

void expect_spans(const char* op, std::span<const SequenceSpan> spans, int64_t rows, const Tensor& state,
                  const Shape& slot_shape) {
  if (state) {
    expect_dtype(op, "state", state, f32);
    bool fits = state.contiguous() && state.rank() == slot_shape.rank() + 1;
    for (int i = 0; fits && i < slot_shape.rank(); ++i) fits = state.dim(i + 1) == slot_shape[i];
    if (!fits)
      fail(Fault::usage, "{}: state {} does not fit: expected contiguous f32 [slots, then {}]", op,
           state.text(), slot_shape.text());
  }
  int64_t at = 0;
  std::vector<bool> used(state ? static_cast<size_t>(state.dim(0)) : 0);
  for (const SequenceSpan& s : spans) {
    if (s.begin != at || s.length < 0)
      fail(Fault::usage, "{}: the spans do not cover the rows end to end (one begins at {}, expected {})", op,
           s.begin, at);
    at += s.length;
    if (!state) continue;
    if (s.slot < 0 || s.slot >= state.dim(0))
      fail(Fault::usage, "{}: slot {} of a state with {}", op, s.slot, state.dim(0));
    if (used[static_cast<size_t>(s.slot)]) fail(Fault::usage, "{}: two spans have slot {}", op, s.slot);
    used[static_cast<size_t>(s.slot)] = true;
  }
  if (at != rows) fail(Fault::usage, "{}: the spans cover {} of {} rows", op, at, rows);
}

int64_t state_traffic(std::span<const SequenceSpan> spans, const Tensor& state) {
  if (!state || state.dim(0) == 0) return 0;
  int64_t used = 0;
  for (const SequenceSpan& s : spans) used += s.length > 0;
  return used * (state.bytes() / state.dim(0));
}

View heads_view(const char* op, const char* operand, const Tensor& t, int64_t tokens) {
  View v = t.view();
  if (v.dim[2] > 1 && v.stride[2] != 1)
    fail(Fault::usage, "{}: the last dimension of {} {} is strided; copy it first", op, operand, t.text());
  if (v.dim[1] > 1 && v.stride[1] != v.dim[2])
    fail(Fault::usage, "{}: the heads of {} {} are not dense; copy it first", op, operand, t.text());
  if (v.dim[0] == 1 && tokens != 1) v.stride[0] = 0;
  v.dim[0] = tokens;
  v.stride[1] = v.dim[2];
  v.stride[2] = 1;
  return v;
}

}  // namespace ridge
