// BigBird (Zaheer et al. 2020): BERT's body with attention over blocks: neighbours, the first and the last,
// and blocks drawn at random; texts too short for that see all.
#include "base/error.h"
#include "models/registry.h"
#include "nn/bert_encoder.h"
#include "nn/sparse_patterns.h"
#include "ops/sparse_attention/sparse_attention.h"

namespace ridge {
namespace {

class BigBird final : public BertEncoder {
  const char* class_begin() const override { return "BigBird"; }

  void config(ConfigKeys& keys) override {
    bert_keys(keys, 50358, 4096, 2, "gelu_new");
    std::string kind = sparse ? "block_sparse" : "original_full";
    keys.text(kind, "attention_type", nullptr, "block_sparse");
    keys.integer(block, "block_size", nullptr, 64, 1 << 20);
    keys.integer(drawn, "num_random_blocks", nullptr, 3, 1 << 16);
    keys.flag(bias, "use_bias", nullptr, true);
    keys.flag(rescaled, "rescale_embeddings", nullptr, false);
    task_keys(keys, "bert.", "embeddings.word_embeddings.weight");
    if (!keys.is_reading()) return;
    if (kind != "block_sparse" && kind != "original_full")
      fail(Fault::file, "{}: attention_type \"{}\" is not supported (block_sparse, original_full)",
           keys.what(), printable(kind));
    sparse = kind == "block_sparse";
    if (block < 1) fail(Fault::file, "{}: a block_size of {}", keys.what(), block);
    if (task == EncoderTask::question)
      fail(Fault::file, "{}: BigBird's head for answers is not supported", keys.what());
    word_scale = rescaled ? __builtin_sqrtf(static_cast<float>(dim)) : 1;
    find_pooler(keys, top + "pooler", task == EncoderTask::pretraining);
    make_layers();
  }

  void visit(WeightVisitor& v) override {
    visit_embeddings(v);
    for (int64_t i = 0; i < layers_count; ++i) visit_layer(v, i, bias);
    if (has_pooler) pooler.visit(v, "cls", top + "pooler", {dim, dim}, true);
    visit_predictions(v);
    if (task == EncoderTask::sequence) visit_dense_classifier(v);
    if (task == EncoderTask::token) visit_labels(v, "classifier");
  }

  Tensor summary(Context& cx, const Tensor& x, const TextStep& step) override {
    return first_rows(cx, x, step);
  }

  // Blocks are those of the padded text: the last one may be padding.
  bool reads_padding() const override { return sparse; }

  Tensor attend(Context& cx, int, const Tensor& q, const Tensor& k, const Tensor& v,
                const TextStep& step) override {
    if (!sparse) return BertEncoder::attend(cx, 0, q, k, v, step);
    SparsePattern pattern;
    for (size_t i = 0; i < step.segments.size(); ++i) {
      const AttentionSegment& s = step.segments[i];
      const int64_t padded = step.batch.spans[i].length;
      if (padded <= (5 + 2 * drawn) * block) {
        pattern.ranges.push_back({s.kv_begin, 1, 0, s.kv_len});
        pattern.blocks.push_back(
            {s.q_begin, 1, s.q_len, 0, static_cast<int64_t>(pattern.ranges.size()) - 1, 1});
        continue;
      }
      // Out of training the reference draws the first block each time: it counts that often again.
      const auto blocks = static_cast<size_t>((padded + block - 1) / block);
      const std::vector<int32_t> first(static_cast<size_t>(drawn), 0);
      add_blocks(pattern, s.q_begin, s.q_len, padded, block, {std::vector(blocks - 2, first)});
    }
    return sparse_attention(cx, q, k, v, pattern, attention_scale());
  }

  bool sparse = true, bias = true, rescaled = false;
  int64_t block = 64, drawn = 3;
};

}  // namespace
namespace tables {
extern const ModelInfo model_bigbird;
const ModelInfo model_bigbird{"bigbird",
                              "big_bird",
                              "BigBirdForMaskedLM",
                              nullptr,
                              nullptr,
                              []() -> std::unique_ptr<Model> { return std::make_unique<BigBird>(); },
                              "Zaheer et al. 2020"};
}  // namespace tables
}  // namespace ridge
