// Any format to f32.
#pragma once
#include "context/context.h"

namespace ridge {

// w of any format, contiguous; returns f32 of its shape (w itself where it is f32). Not differentiable.
Tensor decode(Context& cx, const Tensor& w);

}  // namespace ridge
