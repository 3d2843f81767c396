// DistilBERT (Sanh et al. 2019): BERT's layers under other names, without segments and pooler.
#include "models/registry.h"
#include "nn/bert_encoder.h"

namespace ridge {
namespace {

class DistilBert final : public BertEncoder {
  const char* class_begin() const override { return "DistilBert"; }

  void config(ConfigKeys& keys) override {
    keys.integer(vocab, "vocab_size", nullptr, 30522);
    keys.integer(context, "max_position_embeddings", nullptr, 512);
    keys.integer(dim, "dim|hidden_size", nullptr, 768);
    keys.integer(layers_count, "n_layers|num_hidden_layers", nullptr, 6, 4096);
    keys.integer(heads, "n_heads|num_attention_heads", nullptr, 12, 65536);
    keys.integer(hidden, "hidden_dim", nullptr, 3072);
    activation_key(keys, "activation", "gelu");
    tying(keys);
    check_sizes(keys);
    task_keys(keys, "distilbert.", "embeddings.word_embeddings.weight");
    if (!keys.is_reading()) return;
    make_layers();
    if (task == EncoderTask::sequence) head.act = Activation::relu;
  }

  // The table of positions is stored, be it learned or made of sines.
  void visit(WeightVisitor& v) override {
    const std::string hf = top + "embeddings.";
    v.table(words, "token_embd.weight", hf + "word_embeddings.weight", {vocab, dim});
    v.table(positions, "position_embd.weight", hf + "position_embeddings.weight", {context, dim});
    embedding_norm.visit(v, "token_embd_norm", hf + "LayerNorm", dim);
    for (int64_t i = 0; i < layers_count; ++i) visit_layer_of(v, i);
    if (task == EncoderTask::masked_lm) {
      head.dense.visit(v, "mlm.transform", "vocab_transform", {dim, dim}, true);
      head.norm.visit(v, "mlm.norm", "vocab_layer_norm", dim);
      visit_decoder(v, "vocab_projector.weight", "vocab_projector.bias");
    }
    if (task == EncoderTask::sequence) head.dense.visit(v, "cls", "pre_classifier", {dim, dim}, true);
    if (task == EncoderTask::sequence || task == EncoderTask::token) visit_labels(v, "classifier");
    if (task == EncoderTask::question) visit_labels(v, "qa_outputs");
  }

  void visit_layer_of(WeightVisitor& v, int64_t i) {
    BertLayer& l = layers[static_cast<size_t>(i)];
    const std::string hf = top + "transformer.layer." + std::to_string(i) + ".";
    const Shape square{dim, dim};
    l.q.visit(v, blk(i, "attn_q"), hf + "attention.q_lin", square, true);
    l.k.visit(v, blk(i, "attn_k"), hf + "attention.k_lin", square, true);
    l.v.visit(v, blk(i, "attn_v"), hf + "attention.v_lin", square, true);
    l.o.visit(v, blk(i, "attn_output"), hf + "attention.out_lin", square, true);
    l.attention_norm.visit(v, blk(i, "attn_output_norm"), hf + "sa_layer_norm", dim);
    l.mlp.up.visit(v, blk(i, "ffn_up"), hf + "ffn.lin1", {hidden, dim}, true);
    l.mlp.down.visit(v, blk(i, "ffn_down"), hf + "ffn.lin2", {dim, hidden}, true);
    l.output_norm.visit(v, blk(i, "layer_output_norm"), hf + "output_layer_norm", dim);
  }
};

}  // namespace
namespace tables {
extern const ModelInfo model_distilbert;
const ModelInfo model_distilbert{"distilbert",
                                 "distilbert",
                                 "DistilBertForMaskedLM",
                                 nullptr,
                                 nullptr,
                                 []() -> std::unique_ptr<Model> { return std::make_unique<DistilBert>(); },
                                 "Sanh et al. 2019"};
}  // namespace tables
}  // namespace ridge
