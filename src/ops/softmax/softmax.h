// Softmax over the last dimension, maximum and sum in one pass (Milakov and Gimelshein 2018, algorithm 3).
#pragma once
#include "context/context.h"

namespace ridge {

// x f32 [.., n] with evenly spaced rows; returns f32 of x's shape. A row that is -inf throughout gives zeros.
// Differentiable.
Tensor softmax(Context& cx, const Tensor& x);

}  // namespace ridge
