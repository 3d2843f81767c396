// Contiguous KV cache: for each layer the keys and values of all tokens, head by head, so that attention
// streams a head's rows in order. Keys and values in f32, f16 or bf16.
#pragma once
#include "ops/attention/segment.h"
#include "state/state.h"

namespace ridge {

class KvCache final : public State {
 public:
  // One layer's keys and values; a layer with dv = 0 keeps keys only (latent attention reads values from
  // them).
  struct Layer {
    int64_t kv_heads, d, dv;
  };
  KvCache(Device& device, const std::vector<Layer>& layers, int slots, int64_t capacity, DType dtype);

  bool can_truncate() const override { return true; }
  int64_t bytes() const override;

  // [slots * capacity, kv_heads, d] and [.., dv] of a layer.
  const Tensor& keys(int layer) const { return keys_[static_cast<size_t>(layer)]; }
  const Tensor& values(int layer) const { return values_[static_cast<size_t>(layer)]; }
  // The row of a slot's token.
  int64_t row(int slot, int64_t position) const { return slot * capacity() + position; }

 private:
  void do_truncate(int, int64_t) override {}
  void do_fork(int from, int to) override;
  std::vector<Tensor> keys_, values_;
};

}  // namespace ridge
