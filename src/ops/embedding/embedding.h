// y[t] = table[ids[t]]: a row of the table a token (Bengio et al. 2003, section 2).
#pragma once
#include "context/context.h"

namespace ridge {

// table [vocab, n] of any real or block format, ids i32 [tokens]; returns f32 [tokens, n]. An id outside
// [0, vocab) is an Error that names both. Differentiable in the table where it is f32: rows of the gradient
// are summed in the order of the tokens. The cost reads the rows taken, not the table.
Tensor embedding(Context& cx, const Tensor& table, const Tensor& ids);

}  // namespace ridge
