// What a recurrence remembers: a few tensors of fixed size a slot (convolution windows, SSM and RWKV states),
// always in f32, whatever the length of the sequence. Ops read and write the rows of their sequences in
// place.
#pragma once
#include "state/state.h"

namespace ridge {

class RecurrentState final : public State {
 public:
  // One tensor of the state, of one slot, and the value that all of it has before the first token.
  struct Entry {
    Shape shape;
    float initial = 0;
  };
  RecurrentState(Device& device, const std::vector<Entry>& entries, int slots, int64_t capacity);

  // f32 [slots, shape...] of entry i, as listed.
  const Tensor& entry(int i) const { return tensors_[static_cast<size_t>(i)]; }

  bool can_truncate() const override { return false; }
  int64_t bytes() const override;

 private:
  void do_truncate(int slot, int64_t length) override;
  void do_fork(int from, int to) override;
  void clear(int slot);
  std::vector<Entry> entries_;
  std::vector<Tensor> tensors_;
};

}  // namespace ridge
