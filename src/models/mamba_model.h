// What Mamba and Falcon Mamba share: a row of mixers (Gu and Dao 2023), each behind a norm.
#pragma once
#include "base/error.h"
#include "models/registry.h"
#include "nn/ssm.h"
#include "ops/add/add.h"

namespace ridge {

class MambaModel : public HybridTransformer {
 public:
  void config(ConfigKeys& keys) override {
    read_vocab(keys, vocab);
    context = int64_t{1} << 20;  // there is no limit; the number is the published converter's
    if (keys.is_gguf()) keys.integer(context, nullptr, "context_length", context);
    keys.integer(dim, "hidden_size", "embedding_length", 768);
    keys.integer(layers_count, "num_hidden_layers", "block_count", 32, 4096);
    keys.real(eps, "layer_norm_epsilon", "attention.layer_norm_rms_epsilon", 1e-5);
    inner_size(keys);
    keys.integer(mixer.n, "state_size", "ssm.state_size", 16, 65536);
    conv_width(keys, mixer.width, "conv_kernel", 4);
    time_step_rank(keys, mixer.rank, "time_step_rank");
    keys.flag(mixer.bias, "use_bias", nullptr, keys.has_tensor(blk(0, "ssm_in.bias")));
    keys.flag(mixer.conv_bias, "use_conv_bias", nullptr,
              keys.json_in() || keys.has_tensor(blk(0, "ssm_conv1d.bias")));
    activation_key(keys, "hidden_act", "silu");
    tying(keys, true);
    more_config(keys);
    unused_keys(keys);
    if (dim < 1 || vocab < 1 || mixer.inner < 1 || mixer.n < 1)
      fail(Fault::file, "{}: width {}, inner width {}, state of {} and {} tokens do not make a model",
           keys.what(), dim, mixer.inner, mixer.n, vocab);
    if (!keys.is_reading()) return;
    mixer.conv.act = act;
    norm.eps = eps;
    layers.assign(static_cast<size_t>(layers_count), {});
    for (Layer& l : layers) l.norm.eps = eps, l.mixer = mixer;
  }

  void visit(WeightVisitor& v) override {
    v.table(embed, "token_embd.weight", "backbone.embeddings.weight", {vocab, dim});
    v.vector(norm.weight, "output_norm.weight", "backbone.norm_f.weight", {dim});
    if (!tied) v.matrix(head.weight, "output.weight", "lm_head.weight", {vocab, dim});
    for (int64_t i = 0; i < layers_count; ++i) {
      Layer& l = layers[static_cast<size_t>(i)];
      const std::string hf = "backbone.layers." + std::to_string(i) + ".";
      v.vector(l.norm.weight, blk(i, "attn_norm.weight"), hf + "norm.weight", {dim});
      l.mixer.visit(v, i, hf + "mixer.", dim);
    }
  }

  void ready(Device& device) override {
    for (Layer& l : layers) l.mixer.ready(device);
  }

 protected:
  struct Layer {
    RmsNorm norm;
    MambaMixer mixer;
  };
  virtual void more_config(ConfigKeys&) {}

  Tensor block(Context& cx, int i, const Tensor& x, const Step& step) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    return add(cx, x, l.mixer(cx, l.norm(cx, x), step, 2 * i));
  }
  Tensor final_norm(Context& cx, const Tensor& x) override { return norm(cx, x); }
  std::vector<RecurrentState::Entry> recurrent_entries() const override {
    std::vector<RecurrentState::Entry> entries;
    for (const Layer& l : layers) l.mixer.add_state(entries);
    return entries;
  }

  float eps = 1e-5f;
  MambaMixer mixer;  // its sizes and options; without weights
  RmsNorm norm;
  std::vector<Layer> layers;

 private:
  void inner_size(ConfigKeys& keys) {
    int64_t expand = dim > 0 ? mixer.inner / dim : 0;
    if (!keys.is_reading() && keys.json_out() && expand * dim != mixer.inner)
      fail(Fault::file, "{}: an inner width of {} is no multiple of {}", keys.what(), mixer.inner, dim);
    if (keys.is_gguf()) {
      keys.integer(mixer.inner, nullptr, "ssm.inner_size");
      return;
    }
    keys.integer(expand, "expand", nullptr, 2, 65536);
    mixer.inner = expand * dim;
  }
};

}  // namespace ridge
