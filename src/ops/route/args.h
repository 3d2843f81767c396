// Arguments of the route kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

enum class RouteScore : uint8_t { softmax, sigmoid };

struct RouteArgs {
  View logits;   // f32 [tokens, experts], unit stride in the last dimension
  View bias;     // f32 [experts], or absent
  View ids;      // i32 [tokens, k]
  View weights;  // f32 [tokens, k]
  RouteScore score;
  bool normalize;
  bool softmax_after_top_k;
  int32_t groups, top_groups;
  float scale;
};

}  // namespace ridge
