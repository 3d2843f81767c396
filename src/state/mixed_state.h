// Several kinds of memory side by side: KV caches beside recurrent states (hybrids), or beside the memory of
// a source (encoder-decoders). What one part cannot do, the whole cannot.
#pragma once
#include "state/state.h"

namespace ridge {

class MixedState final : public State {
 public:
  // Parts of as many slots each; the capacity is the smallest.
  explicit MixedState(std::vector<std::unique_ptr<State>> parts);

  bool can_truncate() const override;
  int64_t bytes() const override;
  std::span<const std::unique_ptr<State>> parts() const override { return parts_; }

 private:
  void do_append(const Batch& batch) override;
  void do_truncate(int slot, int64_t length) override;
  void do_fork(int from, int to) override;
  std::vector<std::unique_ptr<State>> parts_;
};

}  // namespace ridge
