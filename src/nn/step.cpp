#include "nn/step.h"

#include <algorithm>

#include "base/error.h"
#include "ops/embedding/embedding.h"
#include "ops/scatter_rows/scatter_rows.h"

namespace ridge {

Step::Step(Context& cx, const Batch& batch, KvCache* kv) : cache(kv) {
  const int64_t n = batch.size();
  std::vector<int32_t> row(static_cast<size_t>(n));
  host_positions_.resize(static_cast<size_t>(n));
  for (const auto& s : batch.spans) {
    const int64_t past = cache ? cache->length(s.slot) : 0;
    segments_.push_back(cache ? AttentionSegment{s.begin, s.length, cache->row(s.slot, 0), past + s.length}
                              : AttentionSegment{s.begin, s.length, s.begin, s.length});
    reach = std::max(reach, cache ? cache->capacity() : s.length);
    for (int64_t i = 0; i < s.length; ++i) {
      host_positions_[static_cast<size_t>(s.begin + i)] = static_cast<int32_t>(past + i);
      if (cache) row[static_cast<size_t>(s.begin + i)] = static_cast<int32_t>(cache->row(s.slot, past + i));
    }
  }
  ids = cx.from_host(batch.tokens.data(), n);
  positions = cx.from_host(host_positions_.data(), n);
  if (cache) rows_ = cx.from_host(row.data(), n);
  const auto wanted = static_cast<int64_t>(batch.outputs.size());
  bool all = wanted == 0 || wanted == n;
  for (int64_t i = 0; all && i < wanted; ++i) all = batch.outputs[static_cast<size_t>(i)] == i;
  if (!all) outputs_ = cx.from_host(batch.outputs.data(), wanted);
}

Tensor Step::attend(Context& cx, int layer, const Tensor& q, const Tensor& k, const Tensor& v,
                    const AttentionOptions& o) const {
  if (!cache) return attention(cx, q, k, v, segments_, o);
  scatter_rows(cx, k, cache->keys(layer), rows_);
  scatter_rows(cx, v, cache->values(layer), rows_);
  return attention(cx, q, cache->keys(layer), cache->values(layer), segments_, o);
}

Tensor Step::attend_latent(Context& cx, int layer, const Tensor& q, const Tensor& k, int64_t dv,
                           const AttentionOptions& o) const {
  if (!cache) return attention(cx, q, k, k.slice(2, 0, dv), segments_, o);
  scatter_rows(cx, k, cache->keys(layer), rows_);
  const Tensor& keys = cache->keys(layer);
  return attention(cx, q, keys, keys.slice(2, 0, dv), segments_, o);
}

Tensor Step::position_rows(Context& cx, int64_t offset, int64_t rows) const {
  std::vector<int32_t> shifted = host_positions_;
  for (int32_t& p : shifted) {
    p += static_cast<int32_t>(offset);
    if (p >= rows)
      fail(Fault::usage, "this model has learned {} positions and cannot go to position {}", rows - offset,
           p - offset + 1);
  }
  return cx.from_host(shifted.data(), static_cast<int64_t>(shifted.size()));
}

Tensor Step::wanted(Context& cx, const Tensor& x) const { return outputs_ ? embedding(cx, x, outputs_) : x; }

}  // namespace ridge
