// Bamba (IBM, Princeton, CMU and UIUC 2024): Mamba-2 with a layer of attention every few, each before a gated
// MLP.
#include "base/error.h"
#include "base/json.h"
#include "models/registry.h"
#include "nn/ssm.h"
#include "ops/add/add.h"

namespace ridge {
namespace {

class Bamba final : public HybridTransformer {
  struct Layer {
    RmsNorm norm, mlp_norm;
    AttentionBlock attention;
    Mamba2Mixer mixer;
    int entry = 0;  // of the recurrent state
    GatedMlp mlp;
  };

  void config(ConfigKeys& keys) override {
    read_vocab(keys, vocab);
    keys.integer(context, "max_position_embeddings", nullptr, 262144);
    keys.integer(dim, "hidden_size", nullptr, 4096);
    keys.integer(hidden, "intermediate_size", nullptr, 14336);
    keys.integer(layers_count, "num_hidden_layers", nullptr, 32, 4096);
    keys.integer(heads, "num_attention_heads", nullptr, 32, 65536);
    keys.integer(kv_heads, "num_key_value_heads", nullptr, 8, 65536);
    if (kv_heads == 0) kv_heads = heads;
    keys.integer(d, "head_dim", nullptr, heads > 0 ? dim / heads : 0, 4096);
    keys.real(eps, "rms_norm_eps", nullptr, 1e-5);
    mixer_config(keys);
    attention_layers(keys);
    keys.flag(attention_bias, "attention_bias", nullptr, false);
    keys.flag(mlp_bias, "mlp_bias", nullptr, false);
    activation_key(keys, "hidden_act", "silu");
    tying(keys, false);
    check_sizes(keys);
    if (keys.is_reading()) rope_config.partial = 0.5;
    rope_config.config(keys, d, context);
    if (!keys.is_reading()) return;
    mixer.norm.eps = norm.eps = eps;
    mixer.conv.act = act;
    layers.assign(static_cast<size_t>(layers_count), {});
    int entry = 0;
    for (int64_t i = 0; i < layers_count; ++i) {
      Layer& l = layers[static_cast<size_t>(i)];
      l.norm.eps = l.mlp_norm.eps = eps;
      l.mixer = mixer;
      l.attention.heads = heads, l.attention.kv_heads = kv_heads, l.attention.d = d;
      l.entry = entry;
      if (!attends(i)) entry += 2;
    }
  }

  void mixer_config(ConfigKeys& keys) {
    int64_t expand = dim > 0 ? mixer.inner() / dim : 0;
    keys.integer(expand, "mamba_expand", nullptr, 2, 65536);
    keys.integer(mixer.heads, "mamba_n_heads", nullptr, 128, 1 << 20);
    const int64_t usual = mixer.heads > 0 ? expand * dim / mixer.heads : 0;
    const Json* j = keys.json_in();
    if (j && j->contains("mamba_d_head") && (*j)["mamba_d_head"] == "auto")
      mixer.p = usual;
    else
      keys.integer(mixer.p, "mamba_d_head", nullptr, usual, 65536);
    keys.integer(mixer.groups, "mamba_n_groups", nullptr, 1, 65536);
    keys.integer(mixer.n, "mamba_d_state", nullptr, 256, 65536);
    conv_width(keys, mixer.width, "mamba_d_conv", 4);
    keys.flag(mixer.conv_bias, "mamba_conv_bias", nullptr, true);
    keys.flag(mixer.in_bias, "mamba_proj_bias", nullptr, false);
    mixer.out_bias = mixer.in_bias;
    mixer.norm_groups = mixer.groups;
    time_step_limit(keys, mixer.dt_min, mixer.dt_max);
    mixer.check(keys);
    if (mixer.inner() != expand * dim)
      fail(Fault::file, "{}: {} heads of width {} for an inner width of {}", keys.what(), mixer.heads,
           mixer.p, expand * dim);
  }

  void attention_layers(ConfigKeys& keys) {
    std::vector<int64_t> indices;
    for (size_t i = 0; i < attending.size(); ++i)
      if (attending[i]) indices.push_back(static_cast<int64_t>(i));
    keys.integers(indices, "attn_layer_indices", nullptr);
    if (!keys.is_reading()) return;
    attending.assign(static_cast<size_t>(layers_count), false);
    for (const int64_t i : indices) {
      if (i < 0 || i >= layers_count)
        fail(Fault::file, "{}: layer {} of {} is to attend", keys.what(), i, layers_count);
      attending[static_cast<size_t>(i)] = true;
    }
  }

  void visit(WeightVisitor& v) override {
    v.table(embed, "token_embd.weight", "model.embed_tokens.weight", {vocab, dim});
    v.vector(norm.weight, "output_norm.weight", "model.final_layernorm.weight", {dim});
    if (!tied) v.matrix(head.weight, "output.weight", "lm_head.weight", {vocab, dim});
    rope.visit(v, rope_config);
    for (int64_t i = 0; i < layers_count; ++i) {
      Layer& l = layers[static_cast<size_t>(i)];
      const std::string hf = "model.layers." + std::to_string(i) + ".";
      v.vector(l.norm.weight, blk(i, "attn_norm.weight"), hf + "input_layernorm.weight", {dim});
      if (attends(i)) {
        AttentionBlock& a = l.attention;
        a.q.visit(v, blk(i, "attn_q"), hf + "self_attn.q_proj", {heads * d, dim}, attention_bias);
        a.k.visit(v, blk(i, "attn_k"), hf + "self_attn.k_proj", {kv_heads * d, dim}, attention_bias);
        a.v.visit(v, blk(i, "attn_v"), hf + "self_attn.v_proj", {kv_heads * d, dim}, attention_bias);
        a.o.visit(v, blk(i, "attn_output"), hf + "self_attn.o_proj", {dim, heads * d}, attention_bias);
      } else {
        l.mixer.visit(v, i, hf + "mamba.", dim);
      }
      v.vector(l.mlp_norm.weight, blk(i, "ffn_norm.weight"), hf + "pre_ff_layernorm.weight", {dim});
      l.mlp.visit(v, i, hf + "feed_forward.", dim, hidden, mlp_bias);
    }
  }

  std::string reference_fault() const override { return mixer.reference_fault(); }
  void imitate_fault(bool on) override {
    for (Layer& l : layers) l.mixer.imitate_fault(on);
  }
  void ready(Device& device) override {
    rope.ready(device, rope_config, false);
    for (Layer& l : layers) l.mixer.ready(device);
  }
  std::vector<Rope*> ropes() override { return {&rope}; }
  bool attends(int64_t i) const override { return attending[static_cast<size_t>(i)]; }
  std::vector<RecurrentState::Entry> recurrent_entries() const override {
    std::vector<RecurrentState::Entry> entries;
    for (int64_t i = 0; i < layers_count; ++i)
      if (!attends(i)) layers[static_cast<size_t>(i)].mixer.add_state(entries);
    return entries;
  }

  Tensor block(Context& cx, int i, const Tensor& x, const Step& step) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    const Tensor in = l.norm(cx, x);
    const Tensor mixed = attends(i) ? l.attention(cx, in, step, i, &rope, attention_options(i))
                                    : l.mixer(cx, in, step, l.entry);
    const Tensor h = add(cx, x, mixed);
    return add(cx, h, l.mlp(cx, l.mlp_norm(cx, h), act));
  }
  Tensor final_norm(Context& cx, const Tensor& x) override { return norm(cx, x); }

  float eps = 1e-5f;
  bool attention_bias = false, mlp_bias = false;
  std::vector<bool> attending;
  Mamba2Mixer mixer;  // its sizes and options; without weights
  RopeConfig rope_config;
  Rope rope;
  RmsNorm norm;
  std::vector<Layer> layers;
};

}  // namespace
namespace tables {
extern const ModelInfo model_bamba;
// GGUF has a name that stands for Bamba too ("granitehybrid"), but its files hold q and k in an order that
// fits RoPE over whole heads, and Bamba turns half of each.
const ModelInfo model_bamba{"bamba",
                            "bamba",
                            "BambaForCausalLM",
                            nullptr,
                            nullptr,
                            []() -> std::unique_ptr<Model> { return std::make_unique<Bamba>(); },
                            "Bamba: inference-efficient hybrid Mamba2 model, 2024"};
}  // namespace tables
}  // namespace ridge
