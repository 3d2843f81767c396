// y = x W^T + bias: the product that nearly all time and memory goes to. Weights are in any format; a kernel
// decodes them on the fly. Each row of y depends on its own row of x only, bit for bit, however many rows are
// given at once.
#pragma once
#include "context/context.h"

namespace ridge {

// x f32 [.., k], w [n, k] of any format, bias f32 [n] or none; returns f32 [.., n].
// Differentiable in x, in w where it is f32, and in bias.
Tensor linear(Context& cx, const Tensor& x, const Tensor& w, const Tensor& bias = {});

// c = a b for f32 matrices a [rows, inner] (any strides) and b [inner, columns]. Not differentiable.
Tensor matmul(Context& cx, const Tensor& a, const Tensor& b);

}  // namespace ridge
