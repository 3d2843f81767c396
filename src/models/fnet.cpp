// FNet (Lee-Thorp et al. 2022): BERT's body with a Fourier transform in place of attention. It mixes over all
// positions, padding too.
#include "models/registry.h"
#include "nn/bert_encoder.h"
#include "ops/fourier_mix/fourier_mix.h"

namespace ridge {
namespace {

class FNet final : public BertEncoder {
  const char* class_begin() const override { return "FNet"; }

  // use_tpu_fourier_optimizations chooses another algorithm for the same transform.
  void config(ConfigKeys& keys) override {
    attends = false, heads = 1;
    bert_keys(keys, 32000, 512, 4, "gelu_new");
    task_keys(keys, "fnet.", "embeddings.word_embeddings.weight");
    if (!keys.is_reading()) return;
    const bool needed = task == EncoderTask::sequence || task == EncoderTask::pretraining ||
                        task == EncoderTask::next_sentence;
    find_pooler(keys, top + "pooler.dense", needed);
    make_layers();
  }

  void visit(WeightVisitor& v) override {
    visit_embeddings(v);
    projection.visit(v, "token_embd_proj", top + "embeddings.projection", {dim, dim}, true);
    for (int64_t i = 0; i < layers_count; ++i) {
      layers[static_cast<size_t>(i)].attention_norm.visit(
          v, blk(i, "attn_output_norm"),
          top + "encoder.layer." + std::to_string(i) + ".fourier.output.LayerNorm", dim);
      visit_layer(v, i, true, false);
    }
    if (has_pooler) pooler.visit(v, "cls", top + "pooler.dense", {dim, dim}, true);
    visit_predictions(v);
    if (task == EncoderTask::sequence || task == EncoderTask::token) visit_labels(v, "classifier");
    if (task == EncoderTask::question) visit_labels(v, "qa_outputs");
  }

  bool reads_padding() const override { return true; }

  Tensor mix(Context& cx, int, const Tensor& x, const TextStep& step) override {
    return fourier_mix(cx, x, step.step.spans);
  }
};

}  // namespace
namespace tables {
extern const ModelInfo model_fnet;
const ModelInfo model_fnet{"fnet",
                           "fnet",
                           "FNetForMaskedLM",
                           nullptr,
                           nullptr,
                           []() -> std::unique_ptr<Model> { return std::make_unique<FNet>(); },
                           "Lee-Thorp et al. 2022"};
}  // namespace tables
}  // namespace ridge
