// The Transformer (Vaswani et al. 2017) as Marian trains it (Junczys-Dowmunt et al. 2018; OPUS-MT): norms
// after each part, sinusoidal positions with all sines first, embeddings scaled by sqrt(dim) and shared with
// the head, a bias of the logits; swish in the feed-forward part where the paper has ReLU
// (`activation_function`).
#include <cmath>

#include "base/error.h"
#include "models/registry.h"
#include "nn/seq2seq.h"
#include "ops/add/add.h"
#include "ops/embedding/embedding.h"
#include "ops/scale/scale.h"

namespace ridge {
namespace {

class Marian final : public BartStacks {
  void config(ConfigKeys& keys) override {
    keys.integer(source_vocab, "vocab_size", nullptr, 58101);
    keys.integer(vocab, "decoder_vocab_size", nullptr, source_vocab);
    keys.flag(share, "share_encoder_decoder_embeddings", nullptr, true);
    if (keys.is_reading() && (share || vocab == 0)) vocab = source_vocab;
    keys.integer(context, "max_position_embeddings", nullptr, 1024);
    stack_sizes(keys, {1024, 12, 16, 4096});
    keys.flag(scaled, "scale_embedding", nullptr, false);
    keys.flag(tied, "tie_word_embeddings", nullptr, true);
    if (!keys.is_reading()) return;
    if (source_vocab < 1 || context < 1 || context > int64_t{1} << 24)
      fail(Fault::file, "{}: {} source tokens and {} positions do not make a model", keys.what(),
           source_vocab, context);
    tables.choose(keys, tied, share, "model.", "lm_head.weight");
  }

  void visit(WeightVisitor& v) override {
    tables.visit(v, source_vocab, vocab, dim);
    v.vector(logits_bias, "", "final_logits_bias", {vocab}, {.optional = true});
    visit_stack(v, encoder, "model.encoder.", false);
    visit_stack(v, decoder, "model.decoder.", true);
  }
  void ready(Device& device) override { positions = sinusoids(device, context, dim); }

  Tensor embed(Context& cx, const Step& step, const Tensor& table) const {
    Tensor x = embedding(cx, table, step.ids);
    if (scaled) x = scale(cx, x, std::sqrt(static_cast<float>(dim)));
    x = step.with_embeddings(cx, x);
    return add(cx, x, embedding(cx, positions, step.position_rows(cx, 0, context)));
  }
  Tensor encode_source(Context& cx, const Inputs& source) override {
    const Step step(cx, source.text, nullptr);
    return encoder_layers(cx, embed(cx, step, tables.of_source()), step);
  }
  Tensor decode(Context& cx, const Step& step) override {
    return decoder_layers_of(cx, embed(cx, step, tables.of_target()), step);
  }
  Tensor logits(Context& cx, const Tensor& x) override {
    return linear(cx, x, tables.of_head(), logits_bias);
  }

  int64_t source_vocab = 0;
  bool scaled = false, tied = true, share = true;
  TokenTables tables;
  Tensor logits_bias, positions;
};

}  // namespace
namespace tables {
extern const ModelInfo model_marian;
const ModelInfo model_marian{"marian",
                             "marian",
                             "MarianMTModel",
                             nullptr,
                             nullptr,
                             []() -> std::unique_ptr<Model> { return std::make_unique<Marian>(); },
                             "Vaswani et al. 2017; Junczys-Dowmunt et al. 2018"};
}  // namespace tables
}  // namespace ridge
