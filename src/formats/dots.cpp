#include "formats/dots.h"

#include <cstring>

namespace ridge {

const DotKernel* find_dot(const Format& format, uint64_t features, bool exact, bool for_prompts) {
  const DotKernel* best = nullptr;
  for (const DotKernel* d : dot_table()) {
    if ((d->needs & ~features) || (exact && d->rounding != Rounding::f32)) continue;
    if (d->for_prompts == for_prompts && std::strcmp(d->format, format.name) == 0 &&
        (!best || d->rank > best->rank))
      best = d;
  }
  return best;
}

}  // namespace ridge
