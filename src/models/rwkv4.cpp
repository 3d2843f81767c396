// RWKV-4 (Peng et al. 2023): linear attention as a running average, channel by channel. Hugging Face's
// layout, rwkv.cpp files, and GGUF files of our own (GGUF has no name for it).
#include "models/registry.h"
#include "models/rwkv_model.h"
#include "ops/wkv4/wkv4.h"

namespace ridge {
namespace {

class Rwkv4 final : public RwkvModel {
  struct Layer {
    Tensor decay, first, mix_k, mix_v, mix_r, channel_mix_k, channel_mix_r;
    Tensor log_decay;
    Linear k, v, r, o, channel_k, channel_v, channel_r;
  };

  void config(ConfigKeys& keys) override {
    sizes(keys);
    keys.integer(width, "attention_hidden_size", "/ridge.attention_hidden_size", dim);
    keys.integer(rescale_every, "rescale_every", "/ridge.rescale_every", keys.is_gguf() ? 0 : 6);
    if (width < 1) fail(Fault::file, "{}: an attention_hidden_size of {}", keys.what(), width);
    if (keys.is_reading()) layers.assign(static_cast<size_t>(layers_count), {});
  }

  bool huggingface_names() const override { return true; }

  void visit_layer(WeightVisitor& v, int64_t i) override {
    Layer& l = layers[static_cast<size_t>(i)];
    const auto vector = [&](Tensor& t, const char* gguf, const char* name, int64_t n) {
      v.vector(t, blk(i, gguf) + ".weight", hf(i, name), {n});
    };
    vector(l.decay, "time_mix_decay", "attention.time_decay", width);
    vector(l.first, "time_mix_first", "attention.time_first", width);
    mix(v, l.mix_k, blk(i, "time_mix_lerp_k.weight"), hf(i, "attention.time_mix_key"));
    mix(v, l.mix_v, blk(i, "time_mix_lerp_v.weight"), hf(i, "attention.time_mix_value"));
    mix(v, l.mix_r, blk(i, "time_mix_lerp_r.weight"), hf(i, "attention.time_mix_receptance"));
    l.k.visit(v, blk(i, "time_mix_key"), hf(i, "attention.key"), {width, dim});
    l.v.visit(v, blk(i, "time_mix_value"), hf(i, "attention.value"), {width, dim});
    l.r.visit(v, blk(i, "time_mix_receptance"), hf(i, "attention.receptance"), {width, dim});
    l.o.visit(v, blk(i, "time_mix_output"), hf(i, "attention.output"), {dim, width});
    mix(v, l.channel_mix_k, blk(i, "channel_mix_lerp_k.weight"), hf(i, "feed_forward.time_mix_key"));
    mix(v, l.channel_mix_r, blk(i, "channel_mix_lerp_r.weight"), hf(i, "feed_forward.time_mix_receptance"));
    l.channel_k.visit(v, blk(i, "channel_mix_key"), hf(i, "feed_forward.key"), {hidden, dim});
    l.channel_v.visit(v, blk(i, "channel_mix_value"), hf(i, "feed_forward.value"), {dim, hidden});
    l.channel_r.visit(v, blk(i, "channel_mix_receptance"), hf(i, "feed_forward.receptance"), {dim, dim});
  }

  // Mixes lie as [1, 1, dim] in the files.
  void mix(WeightVisitor& v, Tensor& t, const std::string& gguf, const std::string& name) const {
    v.vector(t, gguf, name, {1, 1, dim});
  }

  void ready(Device& device) override {
    for (Layer& l : layers) l.log_decay = decay_of(device, l.decay, {width});
  }

  std::vector<RecurrentState::Entry> layer_state() const override {
    return {{{dim}}, {{dim}}, {{2, width}}, {{width}, kWkv4Least}};
  }

  Tensor mixed(Context& cx, const Tensor& before, const Tensor& x, const Tensor& weight) const {
    return lerp(cx, before, x, weight.reshape({dim}));
  }

  Tensor time_mix(Context& cx, int64_t i, const Tensor& x, const Tensor& before, Pass& pass) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    const Tensor k = l.k(cx, mixed(cx, before, x, l.mix_k)), v = l.v(cx, mixed(cx, before, x, l.mix_v)),
                 r = l.r(cx, mixed(cx, before, x, l.mix_r));
    const Tensor y =
        wkv4(cx, k, v, l.log_decay, l.first, pass.step.spans, memory(pass, i, 2), memory(pass, i, 3));
    return l.o(cx, gated(cx, r, y, Activation::sigmoid));
  }

  Tensor channel_mix(Context& cx, int64_t i, const Tensor& x, const Tensor& before) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    const Tensor k = l.channel_k(cx, mixed(cx, before, x, l.channel_mix_k)),
                 r = l.channel_r(cx, mixed(cx, before, x, l.channel_mix_r));
    return gated(cx, r, l.channel_v(cx, activation(cx, k, Activation::relu2)), Activation::sigmoid);
  }

  int64_t width = 0;
  std::vector<Layer> layers;
};

}  // namespace
namespace tables {
extern const ModelInfo model_rwkv4;
const ModelInfo model_rwkv4{
    "rwkv4",           "rwkv",  "RwkvForCausalLM",
    "rwkv4",           nullptr, []() -> std::unique_ptr<Model> { return std::make_unique<Rwkv4>(); },
    "Peng et al. 2023"};
}  // namespace tables
}  // namespace ridge
