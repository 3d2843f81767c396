#include "state/cross_memory.h"

#include <set>

namespace ridge {

int64_t CrossMemory::bytes() const {
  std::set<const Layers*> seen;
  int64_t n = 0;
  for (const Source& s : sources_) {
    if (!s.layers || !seen.insert(s.layers.get()).second) continue;
    for (const auto* list : {&s.layers->keys, &s.layers->values})
      for (const Tensor& t : *list) n += t.bytes();
  }
  return n;
}

}  // namespace ridge
