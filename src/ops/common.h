// What the ops' checks share.
#pragma once
#include <initializer_list>

#include "base/error.h"
#include "context/context.h"

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

// For ops without a gradient: fails where the tape runs and an operand is watched.
void expect_unwatched(const Context& cx, const char* op, std::initializer_list<const Tensor*> operands);

}  // namespace ridge
