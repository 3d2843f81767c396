// The activation functions by their definitions, in double: what the reference kernels compute.
#pragma once
#include <cmath>

#include "ops/activation/args.h"

namespace ridge {

inline double activate(Activation kind, double x) {
  switch (kind) {
    case Activation::silu:
      return x / (1 + std::exp(-x));
    case Activation::gelu:
      return x * 0.5 * std::erfc(-x * std::sqrt(0.5));
    case Activation::gelu_tanh:  // 1/2 (1 + tanh u) = 1 / (1 + e^-2u), which does not cancel below 0
      return x / (1 + std::exp(-2 * std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
    case Activation::quick_gelu:
      return x / (1 + std::exp(-1.702 * x));
    case Activation::relu:
      return x < 0 ? 0 : x;
    case Activation::relu2:
      return x < 0 ? 0 : x * x;
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::tanh:
      return std::tanh(x);
    case Activation::hard_sigmoid:
      return x <= -3 ? 0 : x >= 3 ? 1 : (x + 3) / 6;
    case Activation::hard_swish:
      return x <= -3 ? 0 : x >= 3 ? x : x * (x + 3) / 6;
  }
  return x;
}

}  // namespace ridge
