// Longformer (Beltagy et al. 2020): RoBERTa's body with attention in windows, and tokens with global
// attention, which have projections of their own. Time and memory are linear in the length.
#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "models/registry.h"
#include "nn/bert_encoder.h"
#include "nn/sparse_patterns.h"
#include "ops/embedding/embedding.h"
#include "ops/scatter_rows/scatter_rows.h"
#include "ops/sparse_attention/sparse_attention.h"
#include "ops/view/view.h"

namespace ridge {
namespace {

class Longformer final : public BertEncoder {
  struct Global {
    Linear q, k, v;
  };
  const char* class_begin() const override { return "Longformer"; }

  void config(ConfigKeys& keys) override {
    keys.integer(counted_without, "pad_token_id", nullptr, 1);
    const int64_t unread = counted_without + 1;
    if (keys.json_out()) context += unread;
    bert_keys(keys, 30522, 512, 2, "gelu");
    context -= unread;
    if (context < 1)
      fail(Fault::file, "{}: {} rows of positions behind a pad_token_id of {}", keys.what(), context + unread,
           counted_without);
    each_layer(keys, "attention_window", windows, 512);
    each_layer(keys, "attention_dilation", dilations, 1);
    // Of the original implementation: windows that look back only.
    keys.flag(backward, "autoregressive", nullptr, false);
    keys.integer(separator, "sep_token_id", nullptr, 2);
    task_keys(keys, "longformer.", "embeddings.word_embeddings.weight");
    if (!keys.is_reading()) return;
    for (const int64_t w : windows)
      if (w < 2 || w % 2 != 0)
        fail(Fault::file, "{}: an attention_window of {}: expected an even number from 2", keys.what(), w);
    for (const int64_t d : dilations)
      if (d < 1) fail(Fault::file, "{}: an attention_dilation of {}", keys.what(), d);
    if (task == EncoderTask::model) find_pooler(keys, top + "pooler.dense", false);
    make_layers();
    globals.assign(layers.size(), {});
    head.act = task == EncoderTask::sequence ? Activation::tanh : Activation::gelu;
  }

  // One number for all layers, or one a layer.
  void each_layer(ConfigKeys& keys, const char* name, std::vector<int64_t>& list, int64_t otherwise) {
    if (!keys.is_reading()) return keys.integers(list, name, nullptr);
    const auto n = static_cast<size_t>(layers_count);
    const Json* j = keys.json_in();
    if (const auto it = j->find(name); it != j->end() && it->is_array()) {
      keys.integers(list, name, nullptr);
      if (list.size() != n)
        fail(Fault::file, "{}: {} of {} values for {} layers", keys.what(), name, list.size(), n);
      return;
    }
    int64_t one = otherwise;
    keys.integer(one, name, nullptr, otherwise);
    list.assign(n, one);
  }

  void visit(WeightVisitor& v) override {
    visit_embeddings(v);
    for (int64_t i = 0; i < layers_count; ++i) {
      visit_layer(v, i);
      Global& g = globals[static_cast<size_t>(i)];
      const std::string hf = top + "encoder.layer." + std::to_string(i) + ".attention.self.";
      g.q.visit(v, blk(i, "attn_q_global"), hf + "query_global", {dim, dim}, true);
      g.k.visit(v, blk(i, "attn_k_global"), hf + "key_global", {dim, dim}, true);
      g.v.visit(v, blk(i, "attn_v_global"), hf + "value_global", {dim, dim}, true);
    }
    if (has_pooler) pooler.visit(v, "cls", top + "pooler.dense", {dim, dim}, true);
    if (task == EncoderTask::masked_lm) visit_lm_head(v);
    if (task == EncoderTask::sequence) visit_dense_classifier(v);
    if (task == EncoderTask::token) visit_labels(v, "classifier");
    if (task == EncoderTask::question) visit_labels(v, "qa_outputs");
  }

  // Where the input does not say which tokens are global, tasks have a rule: the first token of a text to
  // classify; in a question and a passage, the question.
  std::vector<uint8_t> global_tokens(const Batch& b) const {
    if (!b.global.empty()) return b.global;
    std::vector<uint8_t> global;
    if (task != EncoderTask::sequence && task != EncoderTask::question) return global;
    global.assign(b.tokens.size(), 0);
    for (const auto& s : b.spans) {
      const auto first = b.tokens.begin() + s.begin, last = first + s.length;
      const int64_t n = task == EncoderTask::question ? std::find(first, last, separator) - first
                                                      : std::min<int64_t>(s.length, 1);
      std::fill_n(global.begin() + s.begin, n, uint8_t{1});
    }
    return global;
  }

  Tensor mix(Context& cx, int i, const Tensor& x, const TextStep& step) override {
    const BertLayer& l = layers[static_cast<size_t>(i)];
    const int64_t half = windows[static_cast<size_t>(i)] / 2;
    SparsePattern pattern;
    pattern.marked = global_tokens(step.batch);
    if (std::all_of(pattern.marked.begin(), pattern.marked.end(), [](uint8_t g) { return g == 0; }))
      pattern.marked.clear();
    for (const auto& s : step.segments)
      add_window(pattern, s.q_begin, s.q_len, half, backward ? 0 : half, dilations[static_cast<size_t>(i)]);
    const Tensor y = sparse_attention(cx, heads_of(cx, l.q(cx, x)), heads_of(cx, l.k(cx, x)),
                                      heads_of(cx, l.v(cx, x)), pattern, attention_scale());
    if (!pattern.marked.empty()) look_at_all(cx, globals[static_cast<size_t>(i)], x, step, pattern.marked, y);
    return l.o(cx, reshape(cx, y, {x.dim(0), dim}));
  }

  // Rows of y [tokens, heads, d] of global tokens: they see every token of their text, by projections of
  // their own.
  void look_at_all(Context& cx, const Global& g, const Tensor& x, const TextStep& step,
                   const std::vector<uint8_t>& global, const Tensor& y) const {
    std::vector<int32_t> rows;
    std::vector<AttentionSegment> segments;
    for (const auto& s : step.segments) {
      const auto first = static_cast<int64_t>(rows.size());
      for (int64_t t = s.q_begin; t < s.q_begin + s.q_len; ++t)
        if (global[static_cast<size_t>(t)]) rows.push_back(static_cast<int32_t>(t));
      segments.push_back({first, static_cast<int64_t>(rows.size()) - first, s.kv_begin, s.kv_len});
    }
    if (rows.empty()) return;
    const Tensor at = cx.from_host(rows.data(), static_cast<int64_t>(rows.size()));
    const Tensor q = heads_of(cx, g.q(cx, embedding(cx, x, at)));
    const Tensor seen = attention(cx, q, heads_of(cx, g.k(cx, x)), heads_of(cx, g.v(cx, x)), segments,
                                  {.scale = attention_scale(), .causal = false});
    scatter_rows(cx, seen, y, at);
  }

  std::vector<int64_t> windows, dilations;
  bool backward = false;
  int64_t separator = 2;
  std::vector<Global> globals;
};

}  // namespace
namespace tables {
extern const ModelInfo model_longformer;
const ModelInfo model_longformer{"longformer",
                                 "longformer",
                                 "LongformerForMaskedLM",
                                 nullptr,
                                 nullptr,
                                 []() -> std::unique_ptr<Model> { return std::make_unique<Longformer>(); },
                                 "Beltagy et al. 2020"};
}  // namespace tables
}  // namespace ridge
