#include "state/recurrent_state.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace ridge {

RecurrentState::RecurrentState(Device& device, const std::vector<Entry>& entries, int slots, int64_t capacity)
    : State(slots, capacity), entries_(entries) {
  for (const Entry& e : entries_) {
    Shape shape{slots};
    for (int i = 0; i < e.shape.rank(); ++i) shape.push(e.shape[i]);
    tensors_.push_back(device.make(f32, shape));
  }
  for (int s = 0; s < slots; ++s) clear(s);
}

int64_t RecurrentState::bytes() const {
  int64_t n = 0;
  for (const Tensor& t : tensors_) n += t.bytes();
  return n;
}

void RecurrentState::clear(int slot) {
  for (size_t i = 0; i < tensors_.size(); ++i) {
    if (!tensors_[i].has_data()) continue;
    const Tensor row = tensors_[i].select(0, slot);
    std::fill_n(row.ptr<float>(), row.count(), entries_[i].initial);
  }
}

void RecurrentState::do_truncate(int slot, [[maybe_unused]] int64_t length) {
  assert(length == 0);
  clear(slot);
}

void RecurrentState::do_fork(int from, int to) {
  for (const Tensor& t : tensors_) {
    if (!t.has_data()) continue;
    const Tensor source = t.select(0, from);
    std::memcpy(t.select(0, to).data(), source.data(), static_cast<size_t>(source.bytes()));
  }
}

}  // namespace ridge
