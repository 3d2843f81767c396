// One forward pass over a batch: positions, which keys each query sees, where new keys go.
#pragma once
#include <vector>

#include "ops/attention/attention.h"
#include "ops/sequence.h"
#include "state/cross_memory.h"
#include "state/kv_cache.h"
#include "state/recurrent_state.h"

namespace ridge {

class Step {
 public:
  // `state` may be null: each span is a sequence from its start and its keys are its own.
  Step(Context& cx, const Batch& batch, State* state);

  Tensor ids;                       // i32 [tokens]; 0 where the batch has a row of its embeddings
  Tensor positions;                 // i32 [tokens]
  std::vector<SequenceSpan> spans;  // the batch's sequences; without a state, slots count up from 0
  KvCache* cache = nullptr;         // each null where the state has no such part
  RecurrentState* recurrent = nullptr;
  CrossMemory* cross = nullptr;
  int64_t reach = 0;  // tokens that a sequence can come to: the state's capacity, or the longest span

  // f32 [slots, ...]: an entry of the recurrent state, for ops to read and write; empty without a state (ops
  // then begin at their initial values and remember nothing).
  Tensor memory(int entry) const { return recurrent ? recurrent->entry(entry) : Tensor(); }

  // Attention of one layer: the new keys and values [tokens, kv_heads, d | dv] join those remembered, queries
  // [tokens, heads, d] look at all.
  Tensor attend(Context& cx, int layer, const Tensor& q, const Tensor& k, const Tensor& v,
                const AttentionOptions& options) const;
  // The same where the values are the first `dv` columns of the keys (multi-head latent attention).
  Tensor attend_latent(Context& cx, int layer, const Tensor& q, const Tensor& k, int64_t dv,
                       const AttentionOptions& options) const;

  // positions + offset, as rows of a table of `rows` learned positions; an Error where one lies past its end.
  Tensor position_rows(Context& cx, int64_t offset, int64_t rows) const;

  // Attention over the encoded source of each sequence: queries [tokens, heads, d] see all its keys.
  Tensor attend_cross(Context& cx, int layer, const Tensor& q, const AttentionOptions& options) const;

  // Puts the batch's embeddings in place of the rows x [tokens, dim] that stand for them.
  Tensor with_embeddings(Context& cx, const Tensor& x) const;

  // The rows of x [tokens, n] whose logits are wanted.
  Tensor wanted(Context& cx, const Tensor& x) const;

 private:
  void take_ids(Context& cx, const Batch& batch);
  Tensor rows_;  // i32 [tokens]: rows of the cache
  Tensor embeddings_, embedding_rows_;
  Tensor outputs_;  // i32, or empty: all
  std::vector<AttentionSegment> segments_;
  std::vector<int32_t> host_positions_;
};

}  // namespace ridge
