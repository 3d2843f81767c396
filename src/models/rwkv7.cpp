// RWKV-7, "Goose" (Peng et al. 2025): the generalised delta rule, with values that later layers mix with
// those of the first. GGUF and rwkv.cpp files, and files with the names of its author's checkpoints.
#include "models/registry.h"
#include "models/rwkv_model.h"
#include "ops/group_norm/group_norm.h"
#include "ops/head_bonus/head_bonus.h"
#include "ops/l2_norm/l2_norm.h"
#include "ops/log_decay/log_decay.h"
#include "ops/multiply/multiply.h"
#include "ops/wkv7/wkv7.h"

namespace ridge {
namespace {

constexpr float kNormEps = 64e-5f;

// bias + up(act(down x)), of low rank.
struct LowRank {
  Tensor down, up, bias;  // [rank, dim], [dim, rank], f32 [dim] or empty
  Tensor operator()(Context& cx, const Tensor& x) const { return linear(cx, linear(cx, x, down), up, bias); }
  Tensor operator()(Context& cx, const Tensor& x, Activation act) const {
    return linear(cx, activation(cx, linear(cx, x, down), act), up, bias);
  }
};

class Rwkv7 final : public RwkvModel {
  struct Layer {
    Tensor mix;  // [6, 1, 1, dim]: r w k v a g
    LowRank decay, rate, value, gate;
    Tensor removal, rate_of_key, bonus, norm_weight, norm_bias, channel_mix_k;
    Linear r, k, v, o, channel_k, channel_v;
  };

  void config(ConfigKeys& keys) override {
    sizes(keys);
    heads_of(keys);
    keys.integer(decay_rank, "decay_low_rank_dim", "attention.decay_lora_rank");
    keys.integer(rate_rank, "a_low_rank_dim", "attention.iclr_lora_rank");
    keys.integer(value_rank, "v_low_rank_dim", "attention.value_residual_mix_lora_rank", rate_rank);
    keys.integer(gate_rank, "gate_low_rank_dim", "attention.gate_lora_rank");
    if (decay_rank < 1 || rate_rank < 1 || value_rank < 1 || gate_rank < 1)
      fail(Fault::file, "{}: ranks {}, {}, {} and {} of decay, rate, value and gate: each must be 1 or more",
           keys.what(), decay_rank, rate_rank, value_rank, gate_rank);
    if (keys.is_reading()) layers.assign(static_cast<size_t>(layers_count), {});
  }

  void visit_layer(WeightVisitor& v, int64_t i) override {
    Layer& l = layers[static_cast<size_t>(i)];
    const auto vector = [&](Tensor& t, const char* name, const Shape& shape) {
      v.vector(t, blk(i, std::string("time_mix_") + name + ".weight"), hf(i, std::string("att.") + name),
               shape);
    };
    const auto low_rank = [&](LowRank& m, const std::string& letter, int64_t rank, bool bias) {
      const auto name = [&](const char* n) { return letter + n; };
      if (bias) vector(m.bias, name("0").c_str(), {dim});
      v.matrix(m.down, blk(i, "time_mix_" + name("1.weight")), hf(i, "att." + name("1")), {rank, dim});
      v.matrix(m.up, blk(i, "time_mix_" + name("2.weight")), hf(i, "att." + name("2")), {dim, rank});
    };
    v.vector(l.mix, blk(i, "time_mix_lerp_fused.weight"), hf(i, "att.x_rwkvag"), {6, 1, 1, dim});
    low_rank(l.decay, "w", decay_rank, true);
    low_rank(l.rate, "a", rate_rank, true);
    if (i > 0) low_rank(l.value, "v", value_rank, true);
    low_rank(l.gate, "g", gate_rank, false);
    vector(l.removal, "k_k", {dim});
    vector(l.rate_of_key, "k_a", {dim});
    vector(l.bonus, "r_k", {dim});
    l.r.visit(v, blk(i, "time_mix_receptance"), hf(i, "att.receptance"), {dim, dim});
    l.k.visit(v, blk(i, "time_mix_key"), hf(i, "att.key"), {dim, dim});
    l.v.visit(v, blk(i, "time_mix_value"), hf(i, "att.value"), {dim, dim});
    l.o.visit(v, blk(i, "time_mix_output"), hf(i, "att.output"), {dim, dim});
    v.vector(l.norm_weight, blk(i, "time_mix_ln.weight"), hf(i, "att.ln_x.weight"), {dim});
    v.vector(l.norm_bias, blk(i, "time_mix_ln.bias"), hf(i, "att.ln_x.bias"), {dim});
    v.vector(l.channel_mix_k, blk(i, "channel_mix_lerp_k.weight"), hf(i, "ffn.x_k"), {dim});
    l.channel_k.visit(v, blk(i, "channel_mix_key"), hf(i, "ffn.key"), {hidden, dim});
    l.channel_v.visit(v, blk(i, "channel_mix_value"), hf(i, "ffn.value"), {dim, hidden});
  }

  void ready(Device&) override {}

  std::vector<RecurrentState::Entry> layer_state() const override {
    return {{{dim}}, {{dim}}, {{heads, head_size, head_size}}};
  }

  Tensor time_mix(Context& cx, int64_t i, const Tensor& x, const Tensor& before, Pass& pass) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    const Tensor rows = l.mix.reshape({6, dim});
    const auto mixed = [&](int which) { return lerp(cx, x, before, rows.select(0, which)); };
    const Shape by_heads{x.dim(0), heads, head_size};
    const Tensor r = l.r(cx, mixed(0)), flat_k = l.k(cx, mixed(2)), x_v = mixed(3);
    const Tensor w = log_decay(cx, l.decay(cx, mixed(1), Activation::tanh), Decay::sigmoid);
    Tensor v = l.v(cx, x_v);
    if (i == 0)
      pass.first_value = v;
    else
      v = lerp(cx, v, pass.first_value, activation(cx, l.value(cx, x_v), Activation::sigmoid));
    const Tensor rate = activation(cx, l.rate(cx, mixed(4)), Activation::sigmoid);
    const Tensor g = l.gate(cx, mixed(5), Activation::sigmoid);
    const Tensor kappa = l2_norm(cx, multiply(cx, flat_k, l.removal).reshape(by_heads));
    const Tensor k = lerp(cx, flat_k, multiply(cx, flat_k, rate), l.rate_of_key);
    const auto split = [&](const Tensor& t) { return t.reshape(by_heads); };
    const Tensor y = wkv7(cx, split(r), split(w), split(k), split(v), kappa, split(rate), pass.step.spans,
                          memory(pass, i, 2));
    const Tensor n = group_norm(cx, y.reshape(x.shape()), l.norm_weight, l.norm_bias, heads, kNormEps);
    const Tensor own = head_bonus(cx, split(r), split(k), split(v), l.bonus.reshape({heads, head_size}));
    return l.o(cx, multiply(cx, add(cx, n, own.reshape(x.shape())), g));
  }

  Tensor channel_mix(Context& cx, int64_t i, const Tensor& x, const Tensor& before) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    return l.channel_v(
        cx, activation(cx, l.channel_k(cx, lerp(cx, x, before, l.channel_mix_k)), Activation::relu2));
  }

  int64_t decay_rank = 0, rate_rank = 0, value_rank = 0, gate_rank = 0;
  std::vector<Layer> layers;
};

}  // namespace
namespace tables {
extern const ModelInfo model_rwkv7;
const ModelInfo model_rwkv7{
    "rwkv7",           "rwkv7", "Rwkv7ForCausalLM",
    "rwkv7",           nullptr, []() -> std::unique_ptr<Model> { return std::make_unique<Rwkv7>(); },
    "Peng et al. 2025"};
}  // namespace tables
}  // namespace ridge
