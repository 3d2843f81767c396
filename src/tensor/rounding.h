// What a kernel does to its activations; the comparison with the reference derives its tolerance from it.
#pragma once
#include <cstdint>

namespace ridge {

enum class Rounding : uint8_t {
  f32,              // products and sums in f32
  bf16_activation,  // activations rounded to bf16, and weights where they are decoded
  q8_activation,    // activations rounded to 8 bits, a scale a block
};

}  // namespace ridge
