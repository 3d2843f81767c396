// Arguments of the activation kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

enum class Activation : uint8_t {
  silu,        // x / (1 + e^-x) (Elfwing et al. 2017)
  gelu,        // x Phi(x), by erf (Hendrycks and Gimpel 2016)
  gelu_tanh,   // x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
  quick_gelu,  // x / (1 + e^(-1.702 x))
  relu,        // max(x, 0)
  relu2,       // max(x, 0)^2 (So et al. 2021)
  sigmoid,     // 1 / (1 + e^-x)
  tanh,
  hard_sigmoid,  // min(max(x + 3, 0), 6) / 6
  hard_swish,    // x hard_sigmoid(x) (Howard et al. 2019, eq. 4)
};

struct ActivationArgs {
  View x;  // f32 [rows, n], unit stride in the last dimension
  View y;  // f32 [rows, n]
  Activation activation;
};

struct GatedArgs {
  View gate, up, y;  // f32 [rows, n]
  Activation activation;
};

struct ActivationGradArgs {
  View x, dy, dx;  // f32 [rows, n]
  Activation activation;
};

struct GatedGradArgs {
  View gate, up, dy;  // f32 [rows, n]
  View dgate, dup;    // f32 [rows, n]
  Activation activation;
};

}  // namespace ridge
