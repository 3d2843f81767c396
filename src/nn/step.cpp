#include "nn/step.h"

#include <algorithm>

#include "base/error.h"
#include "ops/add/add.h"
#include "ops/embedding/embedding.h"
#include "ops/scatter_rows/scatter_rows.h"

namespace ridge {

Step::Step(Context& cx, const Batch& batch, State* state) {
  if (state) {
    cache = state->find<KvCache>();
    recurrent = state->find<RecurrentState>();
    cross = state->find<CrossMemory>();
  }
  const int64_t n = batch.size();
  std::vector<int32_t> row(static_cast<size_t>(n));
  host_positions_.resize(static_cast<size_t>(n));
  for (const auto& s : batch.spans) {
    const int64_t past = state ? state->length(s.slot) : 0;
    spans.push_back({s.begin, s.length, state ? s.slot : static_cast<int64_t>(spans.size())});
    segments_.push_back(cache ? AttentionSegment{s.begin, s.length, cache->row(s.slot, 0), past + s.length}
                              : AttentionSegment{s.begin, s.length, s.begin, s.length});
    reach = std::max(reach, state ? state->capacity() : s.length);
    for (int64_t i = 0; i < s.length; ++i) {
      host_positions_[static_cast<size_t>(s.begin + i)] = static_cast<int32_t>(past + i);
      if (cache) row[static_cast<size_t>(s.begin + i)] = static_cast<int32_t>(cache->row(s.slot, past + i));
    }
  }
  take_ids(cx, batch);
  positions = cx.from_host(host_positions_.data(), n);
  if (cache) rows_ = cx.from_host(row.data(), n);
  const auto wanted = static_cast<int64_t>(batch.outputs.size());
  bool all = wanted == 0 || wanted == n;
  for (int64_t i = 0; all && i < wanted; ++i) all = batch.outputs[static_cast<size_t>(i)] == i;
  if (!all) outputs_ = cx.from_host(batch.outputs.data(), wanted);
}

void Step::take_ids(Context& cx, const Batch& batch) {
  if (!batch.embeddings) {
    ids = cx.from_host(batch.tokens.data(), batch.size());
    return;
  }
  std::vector<int32_t> known = batch.tokens, rows;
  for (size_t i = 0; i < known.size(); ++i)
    if (known[i] == Batch::kEmbedding) {
      known[i] = 0;
      rows.push_back(static_cast<int32_t>(i));
    }
  if (static_cast<int64_t>(rows.size()) != batch.embeddings.dim(0))
    fail(Fault::usage, "forward: {} tokens stand for embeddings, and there are {}", rows.size(),
         batch.embeddings.dim(0));
  ids = cx.from_host(known.data(), batch.size());
  embeddings_ = batch.embeddings;
  embedding_rows_ = cx.from_host(rows.data(), static_cast<int64_t>(rows.size()));
}

Tensor Step::with_embeddings(Context& cx, const Tensor& x) const {
  if (!embeddings_) return x;
  if (embeddings_.rank() != 2 || embeddings_.dim(1) != x.dim(1))
    fail(Fault::usage, "forward: embeddings {} do not fit a model of width {}", embeddings_.text(), x.dim(1));
  const int64_t n = x.dim(1);
  scatter_rows(cx, embeddings_.reshape({embeddings_.dim(0), 1, n}), x.reshape({x.dim(0), 1, n}),
               embedding_rows_);
  return x;
}

Tensor Step::attend_cross(Context& cx, int layer, const Tensor& q, const AttentionOptions& o) const {
  AttentionOptions all = o;
  all.causal = false;
  const auto l = static_cast<size_t>(layer);
  // Sequences whose sources were encoded together look at one pair of tensors; most batches have one only.
  std::vector<const CrossMemory::Layers*> groups;
  for (const auto& s : spans) {
    const auto* layers = cross ? cross->source(static_cast<int>(s.slot)).layers.get() : nullptr;
    if (!layers) fail(Fault::usage, "forward: nothing was encoded for sequence {}", s.slot);
    if (std::find(groups.begin(), groups.end(), layers) == groups.end()) groups.push_back(layers);
  }
  Tensor y;
  for (const auto* g : groups) {
    std::vector<AttentionSegment> segments;
    for (const auto& s : spans) {
      const auto& source = cross->source(static_cast<int>(s.slot));
      if (source.layers.get() != g) continue;
      // Queries know no position here: those of neighbours with one source (beams) read its keys together.
      if (!segments.empty() && segments.back().kv_begin == source.begin &&
          segments.back().kv_len == source.length &&
          segments.back().q_begin + segments.back().q_len == s.begin)
        segments.back().q_len += s.length;
      else
        segments.push_back({s.begin, s.length, source.begin, source.length});
    }
    const Tensor part = attention(cx, q, g->keys[l], g->values[l], segments, all);
    y = y ? add(cx, y, part) : part;  // queries of other sources are zeros
  }
  return y;
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
