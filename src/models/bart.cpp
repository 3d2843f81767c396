// BART (Lewis et al. 2020): the 2017 Transformer with learned positions (from 2 on), a norm of the embeddings
// and GELU.
#include <cmath>

#include "base/error.h"
#include "models/registry.h"
#include "nn/seq2seq.h"
#include "ops/add/add.h"
#include "ops/embedding/embedding.h"
#include "ops/scale/scale.h"

namespace ridge {
namespace {

constexpr int64_t kFirstPosition = 2;

class Bart final : public BartStacks {
  void config(ConfigKeys& keys) override {
    std::string type = "bart";
    if (keys.is_reading()) keys.text(type, "model_type", nullptr, "bart");
    // mBART (Liu et al. 2020): norms before each part, and one at the end of each stack.
    if (keys.is_reading()) norm_before = with_final_norm = type == "mbart";
    with_embedding_norm = true;
    keys.integer(vocab, "vocab_size", nullptr, 50265);
    keys.integer(context, "max_position_embeddings", nullptr, 1024);
    stack_sizes(keys, {1024, 12, 16, 4096});
    keys.flag(scaled, "scale_embedding", nullptr, false);
    keys.flag(tied, "tie_word_embeddings", nullptr, true);
    if (keys.is_reading()) tables.choose(keys, tied, true, "model.", "lm_head.weight");
  }

  void visit(WeightVisitor& v) override {
    tables.visit(v, vocab, vocab, dim);
    v.vector(logits_bias, "", "final_logits_bias", {vocab}, {.optional = true});
    const Shape positions{context + kFirstPosition, dim};
    v.table(encoder_positions, "", "model.encoder.embed_positions.weight", positions);
    v.table(decoder_positions, "", "model.decoder.embed_positions.weight", positions);
    visit_stack(v, encoder, "model.encoder.", false);
    visit_stack(v, decoder, "model.decoder.", true);
  }
  void ready(Device&) override {}

  Tensor embed(Context& cx, const Step& step, const Tensor& table, const Tensor& positions) const {
    Tensor x = embedding(cx, table, step.ids);
    if (scaled) x = scale(cx, x, std::sqrt(static_cast<float>(dim)));
    x = step.with_embeddings(cx, x);
    return add(cx, x,
               embedding(cx, positions, step.position_rows(cx, kFirstPosition, context + kFirstPosition)));
  }
  Tensor encode_source(Context& cx, const Inputs& source) override {
    const Step step(cx, source.text, nullptr);
    return encoder_layers(cx, embed(cx, step, tables.of_source(), encoder_positions), step);
  }
  Tensor decode(Context& cx, const Step& step) override {
    return decoder_layers_of(cx, embed(cx, step, tables.of_target(), decoder_positions), step);
  }
  Tensor logits(Context& cx, const Tensor& x) override {
    return linear(cx, x, tables.of_head(), logits_bias);
  }

  bool scaled = false, tied = true;
  TokenTables tables;
  Tensor logits_bias, encoder_positions, decoder_positions;
};

}  // namespace
namespace tables {
extern const ModelInfo model_bart;
const ModelInfo model_bart{"bart",
                           "bart mbart",
                           "BartForConditionalGeneration",
                           nullptr,
                           nullptr,
                           []() -> std::unique_ptr<Model> { return std::make_unique<Bart>(); },
                           "Lewis et al. 2020; mBART: Liu et al. 2020"};
}  // namespace tables
}  // namespace ridge
