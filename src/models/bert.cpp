// BERT (Devlin et al. 2019): the body, masked tokens, whole texts, tokens, answers, next sentence.
#include "base/error.h"
#include "files/gguf_metadata.h"
#include "models/registry.h"
#include "nn/bert_encoder.h"

namespace ridge {
namespace {

class Bert final : public BertEncoder {
  const char* class_begin() const override { return "Bert"; }

  void config(ConfigKeys& keys) override {
    bert_keys(keys, 30522, 512, 2, "gelu");
    task_keys(keys, "bert.", "embeddings.word_embeddings.weight");
    if (!keys.is_reading()) return;
    const bool needed = task == EncoderTask::sequence || task == EncoderTask::pretraining ||
                        task == EncoderTask::next_sentence;
    find_pooler(keys, top + "pooler.dense", needed);
    make_layers();
  }

  void visit(WeightVisitor& v) override {
    visit_embeddings(v);
    for (int64_t i = 0; i < layers_count; ++i) visit_layer(v, i);
    if (has_pooler) pooler.visit(v, "cls", top + "pooler.dense", {dim, dim}, true);
    visit_predictions(v);
    if (task == EncoderTask::sequence || task == EncoderTask::token) visit_labels(v, "classifier");
    if (task == EncoderTask::question) visit_labels(v, "qa_outputs");
  }
};

// RoBERTa's files bear BERT's name and have a BPE or SentencePiece vocabulary; their positions begin at 0.
bool is_bert(const GgufMetadata& m) { return m.string_or("ridge.architecture", "bert") == "bert"; }

}  // namespace
namespace tables {
extern const ModelInfo model_bert;
const ModelInfo model_bert{"bert",
                           "bert",
                           "BertForMaskedLM",
                           "bert",
                           is_bert,
                           []() -> std::unique_ptr<Model> { return std::make_unique<Bert>(); },
                           "Devlin et al. 2019"};
}  // namespace tables
}  // namespace ridge
