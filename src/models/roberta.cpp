// RoBERTa (Liu et al. 2019), XLM-R (Conneau et al. 2020) and CamemBERT: BERT's body with positions counted
// from the padding id on, and a head of its own for masked tokens.
#include "base/error.h"
#include "files/gguf_metadata.h"
#include "models/registry.h"
#include "nn/bert_encoder.h"

namespace ridge {
namespace {

class Roberta final : public BertEncoder {
  const char* class_begin() const override {
    return type == "xlm-roberta" ? "XLMRoberta" : type == "camembert" ? "Camembert" : "Roberta";
  }

  void config(ConfigKeys& keys) override {
    keys.integer(counted_without, "pad_token_id", "/tokenizer.ggml.padding_token_id", 1);
    // max_position_embeddings counts the rows that no text reads; GGUF does not, and leaves them out.
    const int64_t unread = counted_without + 1;
    if (keys.json_out()) context += unread;
    bert_keys(keys, 50265, 512 + unread, 2, "gelu");
    if (!keys.is_gguf()) context -= unread;
    if (context < 1)
      fail(Fault::file, "{}: {} rows of positions behind a pad_token_id of {}", keys.what(), context + unread,
           counted_without);
    keys.text(type, keys.is_reading() ? "model_type" : nullptr, "/ridge.model_type", "roberta");
    task_keys(keys, "roberta.", "embeddings.word_embeddings.weight");
    if (!keys.is_reading()) return;
    if (task != EncoderTask::sequence) find_pooler(keys, top + "pooler.dense", false);
    make_layers();
    head.act = task == EncoderTask::sequence ? Activation::tanh : Activation::gelu;
  }

  void visit(WeightVisitor& v) override {
    visit_embeddings(v);
    for (int64_t i = 0; i < layers_count; ++i) visit_layer(v, i);
    if (has_pooler) pooler.visit(v, "cls", top + "pooler.dense", {dim, dim}, true);
    if (task == EncoderTask::masked_lm) visit_lm_head(v);
    if (task == EncoderTask::sequence) visit_dense_classifier(v);
    if (task == EncoderTask::token) visit_labels(v, "classifier");
    if (task == EncoderTask::question) visit_labels(v, "qa_outputs");
  }

  std::string type = "roberta";
};

// Files of other programs are read as BERT's: what differs is left out of them.
bool is_roberta(const GgufMetadata& m) { return m.string_or("ridge.architecture", "") == "roberta"; }

}  // namespace
namespace tables {
extern const ModelInfo model_roberta;
const ModelInfo model_roberta{"roberta",
                              "roberta xlm-roberta camembert",
                              "RobertaForMaskedLM",
                              "bert",
                              is_roberta,
                              []() -> std::unique_ptr<Model> { return std::make_unique<Roberta>(); },
                              "Liu et al. 2019"};
}  // namespace tables
}  // namespace ridge
