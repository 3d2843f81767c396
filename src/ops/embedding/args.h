// Arguments of the embedding kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

struct EmbeddingArgs {
  View table;  // any real or block format [vocab, n], rows dense
  View ids;    // i32 [tokens]
  View y;      // f32 [tokens, n]
};

struct EmbeddingGradArgs {
  View ids;     // i32 [tokens]
  View dy;      // f32 [tokens, n]
  View dtable;  // f32 [vocab, n], set whole
};

}  // namespace ridge
