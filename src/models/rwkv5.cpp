// RWKV-5.2, "Eagle" (Peng et al. 2024): heads remember matrices, whose channels decay at learned rates.
// rwkv.cpp files, and files of our own with the names of its author's checkpoints.
#include "models/registry.h"
#include "models/rwkv_model.h"
#include "ops/group_norm/group_norm.h"
#include "ops/head_bonus/head_bonus.h"
#include "ops/wkv6/wkv6.h"

namespace ridge {
namespace {

class Rwkv5 final : public RwkvModel {
  struct Layer {
    Tensor decay, first, mix_k, mix_v, mix_r, mix_g, channel_mix_k, channel_mix_r;
    Tensor log_decay, norm_weight, norm_bias;
    Linear k, v, r, g, o, channel_k, channel_v, channel_r;
  };

  void config(ConfigKeys& keys) override {
    sizes(keys);
    heads_of(keys);
    keys.real(norm_eps, "group_norm_epsilon", "attention.group_norm_epsilon", 1e-5);
    if (keys.is_reading()) layers.assign(static_cast<size_t>(layers_count), {});
  }

  void visit_layer(WeightVisitor& v, int64_t i) override {
    Layer& l = layers[static_cast<size_t>(i)];
    const auto vector = [&](Tensor& t, const char* gguf, const char* name, const Shape& shape) {
      v.vector(t, blk(i, gguf), hf(i, name), shape);
    };
    vector(l.decay, "time_mix_decay.weight", "att.time_decay", {dim});
    vector(l.first, "time_mix_first.weight", "att.time_faaaa", {heads, head_size});
    vector(l.mix_k, "time_mix_lerp_k.weight", "att.time_mix_k", {dim});
    vector(l.mix_v, "time_mix_lerp_v.weight", "att.time_mix_v", {dim});
    vector(l.mix_r, "time_mix_lerp_r.weight", "att.time_mix_r", {dim});
    vector(l.mix_g, "time_mix_lerp_g.weight", "att.time_mix_g", {dim});
    l.k.visit(v, blk(i, "time_mix_key"), hf(i, "att.key"), {dim, dim});
    l.v.visit(v, blk(i, "time_mix_value"), hf(i, "att.value"), {dim, dim});
    l.r.visit(v, blk(i, "time_mix_receptance"), hf(i, "att.receptance"), {dim, dim});
    l.g.visit(v, blk(i, "time_mix_gate"), hf(i, "att.gate"), {dim, dim});
    l.o.visit(v, blk(i, "time_mix_output"), hf(i, "att.output"), {dim, dim});
    vector(l.norm_weight, "time_mix_ln.weight", "att.ln_x.weight", {dim});
    vector(l.norm_bias, "time_mix_ln.bias", "att.ln_x.bias", {dim});
    vector(l.channel_mix_k, "channel_mix_lerp_k.weight", "ffn.time_mix_k", {dim});
    vector(l.channel_mix_r, "channel_mix_lerp_r.weight", "ffn.time_mix_r", {dim});
    l.channel_k.visit(v, blk(i, "channel_mix_key"), hf(i, "ffn.key"), {hidden, dim});
    l.channel_v.visit(v, blk(i, "channel_mix_value"), hf(i, "ffn.value"), {dim, hidden});
    l.channel_r.visit(v, blk(i, "channel_mix_receptance"), hf(i, "ffn.receptance"), {dim, dim});
  }

  void ready(Device& device) override {
    for (Layer& l : layers) l.log_decay = decay_of(device, l.decay, {1, heads, head_size});
  }

  std::vector<RecurrentState::Entry> layer_state() const override {
    return {{{dim}}, {{dim}}, {{heads, head_size, head_size}}};
  }

  Tensor time_mix(Context& cx, int64_t i, const Tensor& x, const Tensor& before, Pass& pass) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    const Shape by_heads{x.dim(0), heads, head_size};
    const Tensor k = l.k(cx, lerp(cx, before, x, l.mix_k)).reshape(by_heads),
                 v = l.v(cx, lerp(cx, before, x, l.mix_v)).reshape(by_heads),
                 r = l.r(cx, lerp(cx, before, x, l.mix_r)).reshape(by_heads),
                 g = l.g(cx, lerp(cx, before, x, l.mix_g));
    const Tensor y = add(cx, wkv6(cx, r, k, v, l.log_decay, pass.step.spans, memory(pass, i, 2)),
                         head_bonus(cx, r, k, v, l.first));
    const Tensor n =
        group_norm(cx, y.reshape(x.shape()), l.norm_weight, l.norm_bias, heads, static_cast<float>(norm_eps));
    return l.o(cx, gated(cx, g, n, Activation::silu));
  }

  Tensor channel_mix(Context& cx, int64_t i, const Tensor& x, const Tensor& before) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    const Tensor k = l.channel_k(cx, lerp(cx, before, x, l.channel_mix_k)),
                 r = l.channel_r(cx, lerp(cx, before, x, l.channel_mix_r));
    return gated(cx, r, l.channel_v(cx, activation(cx, k, Activation::relu2)), Activation::sigmoid);
  }

  double norm_eps = 1e-5;
  std::vector<Layer> layers;
};

}  // namespace
namespace tables {
extern const ModelInfo model_rwkv5;
const ModelInfo model_rwkv5{
    "rwkv5",           "rwkv5", "Rwkv5ForCausalLM",
    "rwkv5",           nullptr, []() -> std::unique_ptr<Model> { return std::make_unique<Rwkv5>(); },
    "Peng et al. 2024"};
}  // namespace tables
}  // namespace ridge
