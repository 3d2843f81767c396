// What sequences remember between forward passes: reserve, append, fork, truncate, bytes. A state holds
// several sequences (slots). What a state cannot do it says, so that a scheduler asks first.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "context/context.h"
#include "state/batch.h"

namespace ridge {

class State {
 public:
  State(int slots, int64_t capacity) : lengths_(static_cast<size_t>(slots), 0), capacity_(capacity) {}
  virtual ~State() = default;

  int slots() const { return static_cast<int>(lengths_.size()); }
  // Tokens a slot can hold.
  int64_t capacity() const { return capacity_; }
  // Tokens that slot remembers.
  int64_t length(int slot) const { return lengths_[static_cast<size_t>(slot)]; }

  // Fails, with the lengths and the way out, where the batch does not fit.
  void reserve(const Batch& batch) const;
  // The batch has been run: its tokens are remembered now.
  void append(const Batch& batch);
  // Forgets all tokens of a slot from `length` on. Needs can_truncate(), or length 0.
  void truncate(int slot, int64_t length);
  // Slot `to` remembers what slot `from` does.
  void fork(int from, int to);

  // False for recurrences: they cannot go back.
  virtual bool can_truncate() const = 0;
  // Bytes held for all slots at full capacity.
  virtual int64_t bytes() const = 0;

  // The memory of kind T in this state: itself or one of its parts; null where it has none.
  template <typename T>
  T* find() {
    if (auto* self = dynamic_cast<T*>(this)) return self;
    for (const auto& part : parts())
      if (auto* found = part->template find<T>()) return found;
    return nullptr;
  }
  // What a mixed state is made of; empty for all others.
  virtual std::span<const std::unique_ptr<State>> parts() const { return {}; }

 protected:
  virtual void do_append(const Batch&) {}
  virtual void do_truncate(int slot, int64_t length) = 0;
  virtual void do_fork(int from, int to) = 0;

 private:
  void check_slot(int slot) const;
  std::vector<int64_t> lengths_;
  int64_t capacity_;
};

}  // namespace ridge
