#include "state/mixed_state.h"

#include <algorithm>
#include <cassert>

namespace ridge {
namespace {

int64_t smallest(const std::vector<std::unique_ptr<State>>& parts) {
  int64_t least = parts.at(0)->capacity();
  for (const auto& p : parts) least = std::min(least, p->capacity());
  return least;
}

}  // namespace

MixedState::MixedState(std::vector<std::unique_ptr<State>> parts)
    : State(parts.at(0)->slots(), smallest(parts)), parts_(std::move(parts)) {
  for ([[maybe_unused]] const auto& p : parts_) assert(p->slots() == slots());
}

bool MixedState::can_truncate() const {
  return std::all_of(parts_.begin(), parts_.end(), [](const auto& p) { return p->can_truncate(); });
}

int64_t MixedState::bytes() const {
  int64_t n = 0;
  for (const auto& p : parts_) n += p->bytes();
  return n;
}

void MixedState::do_append(const Batch& batch) {
  for (const auto& p : parts_) p->append(batch);
}

void MixedState::do_truncate(int slot, int64_t length) {
  for (const auto& p : parts_) p->truncate(slot, length);
}

void MixedState::do_fork(int from, int to) {
  for (const auto& p : parts_) p->fork(from, to);
}

}  // namespace ridge
