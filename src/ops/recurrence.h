// What the checks of ops along time share.
#pragma once
#include <span>

#include "base/error.h"
#include "context/context.h"
#include "ops/sequence.h"

namespace ridge {

// Fails unless the spans cover `rows` rows end to end and each slot has, where there is a state, contiguous
// f32 memory of this shape of its own.
void expect_spans(const char* op, std::span<const SequenceSpan> spans, int64_t rows, const Tensor& state,
                  const Shape& slot_shape);

// Bytes that the spans read of the state, and write again.
int64_t state_traffic(std::span<const SequenceSpan> spans, const Tensor& state);

// A tensor [tokens, heads, d] whose heads are dense, as [tokens, heads, d] with any stride between tokens: 0
// for one that is the same for all tokens ([1, heads, d]).
View heads_view(const char* op, const char* operand, const Tensor& t, int64_t tokens);

}  // namespace ridge
