// What the RWKVs share: layer norms, token shift, time mix and channel mix, a state of fixed size.
#pragma once
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "nn/layers.h"
#include "nn/model.h"
#include "nn/step.h"
#include "nn/transformer.h"
#include "ops/activation/activation.h"
#include "ops/add/add.h"
#include "ops/embedding/embedding.h"
#include "ops/lerp/lerp.h"
#include "ops/scale/scale.h"
#include "ops/token_shift/token_shift.h"

namespace ridge {

class RwkvModel : public Model {
 public:
  // There is no end to what it can read; the number is what published GGUF files say.
  ModelSize size() const override { return {vocab, dim, layers_count, std::max<int64_t>(context, 1 << 20)}; }

  std::unique_ptr<State> make_state(Device& device, int slots, int64_t capacity, DType) const override {
    std::vector<RecurrentState::Entry> entries;
    for (int64_t i = 0; i < layers_count; ++i)
      for (const auto& e : layer_state()) entries.push_back(e);
    return std::make_unique<RecurrentState>(device, entries, slots, capacity);
  }

 protected:
  // One forward pass: what layers hand on besides x.
  struct Pass {
    const Step& step;
    Tensor first_value;  // RWKV-7: the values of layer 0
  };

  // Each layer's part of the state; the first two are the rows before, of time mix and channel mix.
  virtual std::vector<RecurrentState::Entry> layer_state() const = 0;
  // x f32 [tokens, dim] normed, `before` the same of the tokens before.
  virtual Tensor time_mix(Context& cx, int64_t layer, const Tensor& x, const Tensor& before, Pass& pass) = 0;
  virtual Tensor channel_mix(Context& cx, int64_t layer, const Tensor& x, const Tensor& before) = 0;
  virtual void visit_layer(WeightVisitor& v, int64_t layer) = 0;

  Tensor memory(const Pass& pass, int64_t layer, int entry) const {
    const auto each = static_cast<int64_t>(layer_state().size());
    return pass.step.memory(static_cast<int>(layer * each + entry));
  }

  void sizes(ConfigKeys& keys) {
    read_vocab(keys, vocab);
    keys.integer(context, "context_length|max_position_embeddings", "context_length", 1024);
    keys.integer(dim, "hidden_size", "embedding_length", 4096);
    keys.integer(layers_count, "num_hidden_layers", "block_count", 32, 4096);
    keys.integer(hidden, "intermediate_size", "feed_forward_length", 4 * dim);
    keys.real(eps, "layer_norm_epsilon", "attention.layer_norm_epsilon", 1e-5);
    if (dim < 1 || vocab < 1 || hidden < 1 || layers_count < 0)
      fail(Fault::file, "{}: width {}, {} tokens and a channel mix of {} do not make a model", keys.what(),
           dim, vocab, hidden);
    if (!keys.is_gguf())
      keys.flag(tied, "tie_word_embeddings", nullptr, false);
    else if (keys.is_reading())
      tied = !keys.has_tensor("output.weight");
    if (!keys.is_reading()) return;
    norms.assign(static_cast<size_t>(layers_count), {});
    for (Norms& n : norms) n.time.eps = n.channel.eps = eps;
    first_norm.eps = eps;
    last_norm.eps = 1e-5f;  // whatever the configuration says of the others
  }

  // Heads of `head_size`, which must divide the width.
  void heads_of(ConfigKeys& keys) {
    keys.integer(head_size, "head_size", "wkv.head_size", 64);
    if (head_size < 1 || dim % head_size != 0)
      fail(Fault::file, "{}: width {} is no multiple of the head size {}", keys.what(), dim, head_size);
    heads = dim / head_size;
  }

  void visit(WeightVisitor& v) override {
    const bool hf4 = huggingface_names();
    v.table(embed, "token_embd.weight", hf4 ? "rwkv.embeddings.weight" : "emb.weight", {vocab, dim});
    first_norm.visit(v, "token_embd_norm", hf4 ? "rwkv.blocks.0.pre_ln" : "blocks.0.ln0", dim);
    last_norm.visit(v, "output_norm", hf4 ? "rwkv.ln_out" : "ln_out", dim);
    if (!tied) v.matrix(head.weight, "output.weight", "head.weight", {vocab, dim});
    for (int64_t i = 0; i < layers_count; ++i) {
      Norms& n = norms[static_cast<size_t>(i)];
      n.time.visit(v, blk(i, "attn_norm"), hf(i, "ln1"), dim);
      n.channel.visit(v, blk(i, "attn_norm_2"), hf(i, "ln2"), dim);
      visit_layer(v, i);
    }
  }

  // RWKV-4 has names of Hugging Face's own; the later ones those of their author.
  virtual bool huggingface_names() const { return false; }
  std::string hf(int64_t layer, const std::string& rest) const {
    return (huggingface_names() ? "rwkv.blocks." : "blocks.") + std::to_string(layer) + "." + rest;
  }

  Tensor run(Context& cx, const Batch& batch, State* state) override {
    return linear(cx, run_hidden(cx, batch, state), tied ? embed : head.weight);
  }

  Tensor run_hidden(Context& cx, const Batch& batch, State* state) override {
    const Step step(cx, batch, state);
    Pass pass{step, {}};
    Tensor x = first_norm(cx, step.with_embeddings(cx, embedding(cx, embed, step.ids)));
    for (int64_t i = 0; i < layers_count; ++i) {
      const Context::Scope scope(cx, "layers", static_cast<int>(i));
      const Norms& n = norms[static_cast<size_t>(i)];
      Tensor h = n.time(cx, x);
      const Tensor mixed = time_mix(cx, i, h, token_shift(cx, h, step.spans, memory(pass, i, 0)), pass);
      x = add(cx, x, rescaled(cx, i, mixed));
      h = n.channel(cx, x);
      x = add(cx, x,
              rescaled(cx, i, channel_mix(cx, i, h, token_shift(cx, h, step.spans, memory(pass, i, 1)))));
      if (rescale_every > 0 && (i + 1) % rescale_every == 0) x = scale(cx, x, 0.5f);
    }
    return last_norm(cx, step.wanted(cx, x));
  }

  // Every `rescale_every` layers the residual stream is halved, and what later layers add with it (a guard
  // against overflow in 16 bits, which the layer norms' eps makes visible).
  Tensor rescaled(Context& cx, int64_t layer, const Tensor& y) const {
    if (rescale_every < 1 || weights_rescaled || layer < rescale_every) return y;
    return scale(cx, y, std::exp2(-static_cast<float>(layer / rescale_every)));
  }

  struct Norms {
    LayerNorm time, channel;
  };
  int64_t vocab = 0, dim = 0, layers_count = 0, hidden = 0, context = 0, head_size = 0, heads = 0;
  int64_t rescale_every = 0;      // 0: never
  bool weights_rescaled = false;  // the output weights are divided already
  float eps = 1e-5f;
  bool tied = false;
  Tensor embed;
  Linear head;
  LayerNorm first_norm, last_norm;
  std::vector<Norms> norms;
};

// A decay as it is learned, w, as a logarithm: -e^w. f32 of the same count, of the given shape.
inline Tensor decay_of(Device& device, const Tensor& w, const Shape& shape) {
  const Tensor y = device.make(f32, shape);
  if (!y.has_data() || !w || !w.has_data()) return y;
  for (int64_t i = 0; i < w.count(); ++i)
    y.ptr<float>()[i] = static_cast<float>(-std::exp(static_cast<double>(w.ptr<float>()[i])));
  return y;
}

}  // namespace ridge
