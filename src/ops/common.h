// What the ops' checks share.
#pragma once
#include <initializer_list>
#include <span>

#include "base/error.h"
#include "context/context.h"
#include "ops/sequence.h"

namespace ridge {

// A tensor as [rows, n], n its last dimension, without copying: leading dimensions must collapse to one
// stride. Fails, naming the op and the operand, where they do not or the last dimension is not dense.
View rows_view(const char* op, const char* operand, const Tensor& t);

// Fails unless the operand has this data type.
void expect_dtype(const char* op, const char* operand, const Tensor& t, DType dtype);
// Fails unless the operand has exactly this shape.
void expect_shape(const char* op, const char* operand, const Tensor& t, const Shape& shape);

// Fails unless t is i32 [n], contiguous, and (where the data is there) all values are in [first, end).
void expect_indices(const char* op, const char* operand, const Tensor& t, int64_t n, int64_t first,
                    int64_t end);

// For ops along time: fails unless the spans cover `rows` rows, end to end, and, where there is a state, each
// continues another of its slots (its first dimension).
void expect_spans(const char* op, std::span<const SequenceSpan> spans, int64_t rows, const Tensor& state);
// Fails unless t is a state that can be read and written: f32 [slots, shape...], contiguous.
void expect_state(const char* op, const char* operand, const Tensor& t, const Shape& shape);

// For ops without a gradient: fails where the tape runs and an operand is watched.
void expect_unwatched(const Context& cx, const char* op, std::initializer_list<const Tensor*> operands);

}  // namespace ridge
