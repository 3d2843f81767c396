// RWKV-6, "Finch" (Peng et al. 2024): the mixes of a token with the one before, and the decays, depend on the
// token, by low-rank maps. GGUF and rwkv.cpp files, and files with the names of its author's checkpoints.
#include "models/registry.h"
#include "models/rwkv_model.h"
#include "ops/group_norm/group_norm.h"
#include "ops/head_bonus/head_bonus.h"
#include "ops/log_decay/log_decay.h"
#include "ops/wkv6/wkv6.h"

namespace ridge {
namespace {

constexpr float kNormEps = 64e-5f;

class Rwkv6 final : public RwkvModel {
  struct Layer {
    Tensor mix_x, mix, mix_w1,
        mix_w2;  // [dim], [5, 1, 1, dim] for w k v r g, [5 * rank, dim], [5, dim, rank]
    Tensor decay, decay_w1, decay_w2, first;
    Tensor norm_weight, norm_bias, channel_mix_k, channel_mix_r;
    Linear k, v, r, g, o, channel_k, channel_v, channel_r;
  };

  void config(ConfigKeys& keys) override {
    sizes(keys);
    heads_of(keys);
    keys.integer(mix_rank, "time_mix_extra_dim", "time_mix_extra_dim", dim >= 4096 ? 64 : 32);
    keys.integer(decay_rank, "time_decay_extra_dim", "time_decay_extra_dim", dim >= 4096 ? 128 : 64);
    // GGUF files hold the output weights divided already.
    keys.integer(rescale_every, "rescale_every", "rescale_every_n_layers", 0);
    weights_rescaled = keys.is_gguf();
    if (mix_rank < 1 || decay_rank < 1)
      fail(Fault::file, "{}: ranks {} and {} of the mixes and decays", keys.what(), mix_rank, decay_rank);
    if (keys.is_reading()) layers.assign(static_cast<size_t>(layers_count), {});
  }

  void visit_layer(WeightVisitor& v, int64_t i) override {
    Layer& l = layers[static_cast<size_t>(i)];
    const auto vector = [&](Tensor& t, const char* gguf, const char* name, const Shape& shape) {
      v.vector(t, blk(i, gguf), hf(i, name), shape);
    };
    const auto matrix = [&](Tensor& t, const char* gguf, const char* name, const Shape& shape) {
      v.matrix(t, blk(i, gguf), hf(i, name), shape);
    };
    vector(l.mix_x, "time_mix_lerp_x.weight", "att.time_maa_x", {dim});
    vector(l.mix, "time_mix_lerp_fused.weight", "att.time_maa_wkvrg", {5, 1, 1, dim});
    matrix(l.mix_w1, "time_mix_w1.weight", "att.time_maa_w1", {5 * mix_rank, dim});
    matrix(l.mix_w2, "time_mix_w2.weight", "att.time_maa_w2", {5, dim, mix_rank});
    vector(l.decay, "time_mix_decay.weight", "att.time_decay", {dim});
    matrix(l.decay_w1, "time_mix_decay_w1.weight", "att.time_decay_w1", {decay_rank, dim});
    matrix(l.decay_w2, "time_mix_decay_w2.weight", "att.time_decay_w2", {dim, decay_rank});
    vector(l.first, "time_mix_first.weight", "att.time_faaaa", {heads, head_size});
    l.k.visit(v, blk(i, "time_mix_key"), hf(i, "att.key"), {dim, dim});
    l.v.visit(v, blk(i, "time_mix_value"), hf(i, "att.value"), {dim, dim});
    l.r.visit(v, blk(i, "time_mix_receptance"), hf(i, "att.receptance"), {dim, dim});
    l.g.visit(v, blk(i, "time_mix_gate"), hf(i, "att.gate"), {dim, dim});
    l.o.visit(v, blk(i, "time_mix_output"), hf(i, "att.output"), {dim, dim});
    vector(l.norm_weight, "time_mix_ln.weight", "att.ln_x.weight", {dim});
    vector(l.norm_bias, "time_mix_ln.bias", "att.ln_x.bias", {dim});
    vector(l.channel_mix_k, "channel_mix_lerp_k.weight", "ffn.time_maa_k", {dim});
    vector(l.channel_mix_r, "channel_mix_lerp_r.weight", "ffn.time_maa_r", {dim});
    l.channel_k.visit(v, blk(i, "channel_mix_key"), hf(i, "ffn.key"), {hidden, dim});
    l.channel_v.visit(v, blk(i, "channel_mix_value"), hf(i, "ffn.value"), {dim, hidden});
    l.channel_r.visit(v, blk(i, "channel_mix_receptance"), hf(i, "ffn.receptance"), {dim, dim});
  }

  void ready(Device&) override {}

  std::vector<RecurrentState::Entry> layer_state() const override {
    return {{{dim}}, {{dim}}, {{heads, head_size, head_size}}};
  }

  Tensor time_mix(Context& cx, int64_t i, const Tensor& x, const Tensor& before, Pass& pass) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    const Tensor low = activation(cx, linear(cx, lerp(cx, x, before, l.mix_x), l.mix_w1), Activation::tanh);
    const Tensor rows = l.mix.reshape({5, dim});
    const auto mixed = [&](int which) {
      const Tensor weight = linear(cx, low.slice(1, which * mix_rank, (which + 1) * mix_rank),
                                   l.mix_w2.select(0, which), rows.select(0, which));
      return lerp(cx, x, before, weight);
    };
    const Shape by_heads{x.dim(0), heads, head_size};
    const Tensor inner = activation(cx, linear(cx, mixed(0), l.decay_w1), Activation::tanh);
    const Tensor w = log_decay(cx, linear(cx, inner, l.decay_w2), Decay::exp, l.decay).reshape(by_heads);
    const Tensor k = l.k(cx, mixed(1)).reshape(by_heads), v = l.v(cx, mixed(2)).reshape(by_heads),
                 r = l.r(cx, mixed(3)).reshape(by_heads), g = l.g(cx, mixed(4));
    const Tensor y =
        add(cx, wkv6(cx, r, k, v, w, pass.step.spans, memory(pass, i, 2)), head_bonus(cx, r, k, v, l.first));
    const Tensor n = group_norm(cx, y.reshape(x.shape()), l.norm_weight, l.norm_bias, heads, kNormEps);
    return l.o(cx, gated(cx, g, n, Activation::silu));
  }

  Tensor channel_mix(Context& cx, int64_t i, const Tensor& x, const Tensor& before) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    const Tensor k = l.channel_k(cx, lerp(cx, x, before, l.channel_mix_k)),
                 r = l.channel_r(cx, lerp(cx, x, before, l.channel_mix_r));
    return gated(cx, r, l.channel_v(cx, activation(cx, k, Activation::relu2)), Activation::sigmoid);
  }

  int64_t mix_rank = 0, decay_rank = 0;
  std::vector<Layer> layers;
};

}  // namespace
namespace tables {
extern const ModelInfo model_rwkv6;
const ModelInfo model_rwkv6{
    "rwkv6",           "rwkv6", "Rwkv6ForCausalLM",
    "rwkv6",           nullptr, []() -> std::unique_ptr<Model> { return std::make_unique<Rwkv6>(); },
    "Peng et al. 2024"};
}  // namespace tables
}  // namespace ridge
