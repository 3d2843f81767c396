// Activation functions, alone and as the gate of a gated linear unit (Shazeer 2020).
#pragma once
#include <string>

#include "context/context.h"
#include "ops/activation/args.h"

namespace ridge {

// By the name that Hugging Face configurations give it ("silu", "gelu_pytorch_tanh", ..) or our own; an Error
// that lists the known ones otherwise.
Activation parse_activation(const std::string& name);
const char* activation_name(Activation activation);

// y = act(x), elementwise; x f32 [.., n] with evenly spaced rows. Differentiable.
Tensor activation(Context& cx, const Tensor& x, Activation activation);

// y = act(gate) * up, elementwise; gate and up f32 [.., n] of one shape, rows may be strided. Differentiable
// in both.
Tensor gated(Context& cx, const Tensor& gate, const Tensor& up, Activation activation);

}  // namespace ridge
