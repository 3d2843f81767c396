// Windows along time as rows, so that a convolution is a product with its weight:
//   y[i o + t][c K + k] = x[i][t stride + k - padding][c], zero outside x (im2col, Chellapilla et al. 2006)
#pragma once
#include "context/context.h"

namespace ridge {

// x f32 [n, length, channels] with any strides; windows of K = `width` positions, `stride` apart, with
// `padding` zeros at either end. Returns f32 [n * o, channels * K], o = (length + 2 padding - K) / stride +
// 1: rows in the order of a Conv1d weight [out, channels, K]. Differentiable.
Tensor unfold(Context& cx, const Tensor& x, int64_t width, int64_t stride, int64_t padding);

// A convolution along time: weight [out, channels, K] of any real format, bias f32 [out]. Returns f32 [n * o,
// out]. Differentiable where linear is.
Tensor conv1d(Context& cx, const Tensor& x, const Tensor& weight, const Tensor& bias, int64_t stride,
              int64_t padding);

}  // namespace ridge
