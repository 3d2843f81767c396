// One forward pass over a batch: positions, which keys each query sees, where new keys go.
#pragma once
#include <vector>

#include "ops/attention/attention.h"
#include "state/kv_cache.h"

namespace ridge {

class Step {
 public:
  // `cache` may be null: each span is a sequence from its start and its keys are its own.
  Step(Context& cx, const Batch& batch, KvCache* cache);

  Tensor ids;        // i32 [tokens]
  Tensor positions;  // i32 [tokens]
  KvCache* cache;
  int64_t reach = 0;  // tokens that a sequence can come to: the cache's capacity, or the longest span

  // Attention of one layer: the new keys and values [tokens, kv_heads, d | dv] join those remembered, queries
  // [tokens, heads, d] look at all.
  Tensor attend(Context& cx, int layer, const Tensor& q, const Tensor& k, const Tensor& v,
                const AttentionOptions& options) const;
  // The same where the values are the first `dv` columns of the keys (multi-head latent attention).
  Tensor attend_latent(Context& cx, int layer, const Tensor& q, const Tensor& k, int64_t dv,
                       const AttentionOptions& options) const;

  // positions + offset, as rows of a table of `rows` learned positions; an Error where one lies past its end.
  Tensor position_rows(Context& cx, int64_t offset, int64_t rows) const;

  // The rows of x [tokens, n] whose logits are wanted.
  Tensor wanted(Context& cx, const Tensor& x) const;

 private:
  Tensor rows_;     // i32 [tokens]: rows of the cache
  Tensor outputs_;  // i32, or empty: all
  std::vector<AttentionSegment> segments_;
  std::vector<int32_t> host_positions_;
};

}  // namespace ridge
