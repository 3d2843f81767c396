// Finding the dot kernel of a format on a processor.
#pragma once
#include <span>

#include "formats/dot.h"
#include "tensor/format.h"

namespace ridge {

std::span<const DotKernel* const> dot_table();

// The highest-ranked dot kernel of `format` that needs no more than `features`; where `exact`, only one that
// leaves the activations in f32. nullptr where there is none. Kernels for prompts are found apart.
const DotKernel* find_dot(const Format& format, uint64_t features, bool exact, bool for_prompts = false);

}  // namespace ridge
