#include "state/kv_cache.h"

#include <cstring>

namespace ridge {
namespace {

Tensor head_major(Device& device, DType dtype, int64_t rows, int64_t heads, int64_t d) {
  if (d == 0) return {};
  return device.make(dtype, {heads, rows, d}).transpose(0, 1);
}

}  // namespace

KvCache::KvCache(Device& device, const std::vector<Layer>& layers, int slots, int64_t capacity, DType dtype)
    : State(slots, capacity) {
  for (const Layer& l : layers) {
    keys_.push_back(head_major(device, dtype, slots * capacity, l.kv_heads, l.d));
    values_.push_back(head_major(device, dtype, slots * capacity, l.kv_heads, l.dv));
  }
}

int64_t KvCache::bytes() const {
  int64_t n = 0;
  for (const auto* list : {&keys_, &values_})
    for (const Tensor& t : *list)
      if (t) n += t.bytes();
  return n;
}

void KvCache::do_fork(int from, int to) {
  for (auto* list : {&keys_, &values_})
    for (Tensor& t : *list) {
      if (!t || !t.has_data()) continue;
      for (int64_t h = 0; h < t.dim(1); ++h) {
        const Tensor head = t.select(1, h);
        const Tensor source = head.slice(0, row(from, 0), row(from, length(from)));
        std::memcpy(head.slice(0, row(to, 0), row(to, length(from))).data(), source.data(),
                    static_cast<size_t>(source.bytes()));
      }
    }
}

}  // namespace ridge
