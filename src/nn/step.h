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

  // Attention of one layer: the new keys and values [tokens, kv_heads, d | dv] join those remembered, queries
  // [tokens, heads, d] look at all.
  Tensor attend(Context& cx, int layer, const Tensor& q, const Tensor& k, const Tensor& v,
                const AttentionOptions& options) const;
  // The same where the values are the first `dv` columns of the keys (multi-head latent attention).
  Tensor attend_latent(Context& cx, int layer, const Tensor& q, const Tensor& k, int64_t dv,
                       const AttentionOptions& options) const;

  // The rows of x [tokens, n] whose logits are wanted.
  Tensor wanted(Context& cx, const Tensor& x) const;

 private:
  Tensor rows_;     // i32 [tokens]: rows of the cache
  Tensor outputs_;  // i32, or empty: all
  std::vector<AttentionSegment> segments_;
};

}  // namespace ridge
