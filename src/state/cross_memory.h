// What the decoder of an encoder-decoder looks up: the keys and values of the encoded source, computed once a
// source for every decoder layer. Slots share a source (beams), and sources of one encoder call share
// tensors.
#pragma once
#include "state/state.h"

namespace ridge {

class CrossMemory final : public State {
 public:
  // Keys and values [source tokens, kv_heads, d] of every decoder layer, of all sources of one encoder call.
  struct Layers {
    std::vector<Tensor> keys, values;
  };
  // Tokens [begin, begin + length) of those tensors.
  struct Source {
    std::shared_ptr<const Layers> layers;
    int64_t begin = 0, length = 0;
  };
  CrossMemory(int slots, int64_t capacity) : State(slots, capacity), sources_(static_cast<size_t>(slots)) {}

  void set(int slot, Source source) { sources_[static_cast<size_t>(slot)] = std::move(source); }
  // Its `layers` are null where nothing was encoded for the slot.
  const Source& source(int slot) const { return sources_[static_cast<size_t>(slot)]; }

  bool can_truncate() const override { return true; }
  // Of the sources there are now, each counted once.
  int64_t bytes() const override;

 private:
  void do_truncate(int, int64_t) override {}  // the source stays
  void do_fork(int from, int to) override { set(to, source(from)); }
  std::vector<Source> sources_;
};

}  // namespace ridge
