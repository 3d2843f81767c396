// The mean negative log-likelihood of the targets: mean over tokens of log(sum_j e^logits[t, j]) -
// logits[t, target].
#pragma once
#include "context/context.h"

namespace ridge {

// logits f32 [tokens, vocab], rows may be strided; targets i32 [tokens], -1: the token is not counted.
// Returns f32 [1]; 0 where no token is counted. A target outside [-1, vocab) is an Error. Differentiable in
// logits.
Tensor cross_entropy(Context& cx, const Tensor& logits, const Tensor& targets);

}  // namespace ridge
