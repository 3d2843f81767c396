#include "state/state.h"

#include "base/error.h"

namespace ridge {

void State::check_slot(int slot) const {
  if (slot < 0 || slot >= slots()) fail(Fault::usage, "state: slot {} of {}", slot, slots());
}

void State::reserve(const Batch& batch) const {
  for (const auto& s : batch.spans) {
    check_slot(s.slot);
    if (length(s.slot) + s.length > capacity_)
      fail(Fault::usage, "context full: {} tokens and {} more, room for {}; ask for a longer one with -c",
           length(s.slot), s.length, capacity_);
  }
}

void State::append(const Batch& batch) {
  for (const auto& s : batch.spans) lengths_[static_cast<size_t>(s.slot)] += s.length;
  do_append(batch);
}

void State::truncate(int slot, int64_t to) {
  check_slot(slot);
  if (to < 0 || to > length(slot)) fail(Fault::usage, "state: truncate to {} of {} tokens", to, length(slot));
  if (to == length(slot)) return;
  if (to > 0 && !can_truncate())
    fail(Fault::usage, "state: a recurrent state cannot go back to token {}", to);
  do_truncate(slot, to);
  lengths_[static_cast<size_t>(slot)] = to;
}

void State::fork(int from, int to) {
  check_slot(from);
  check_slot(to);
  if (from == to) return;
  do_fork(from, to);
  lengths_[static_cast<size_t>(to)] = length(from);
}

}  // namespace ridge
