// Arguments of the cross_entropy kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct CrossEntropyArgs {
  View logits;   // f32 [tokens, vocab], unit stride in the last dimension
  View targets;  // i32 [tokens]; -1: not counted
  View y;        // f32 [1]
};

struct CrossEntropyGradArgs {
  View logits, targets;
  View dy;       // f32 [1]
  View dlogits;  // f32 [tokens, vocab]
};

}  // namespace ridge
