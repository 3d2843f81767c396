// Jamba (Lieber et al. 2024): one layer of attention, without positions, to several of Mamba, and mixtures of
// experts in place of every few MLPs.
#include "base/error.h"
#include "models/registry.h"
#include "nn/moe.h"
#include "nn/ssm.h"
#include "ops/add/add.h"

namespace ridge {
namespace {

class Jamba final : public HybridTransformer {
  struct Layer {
    RmsNorm norm, mlp_norm;
    AttentionBlock attention;
    MambaMixer mixer;
    int entry = 0;  // of the recurrent state
    GatedMlp dense;
    MoeMlp moe;
  };

  void config(ConfigKeys& keys) override {
    read_vocab(keys, vocab);
    keys.integer(context, "max_position_embeddings", "context_length", 262144);
    keys.integer(dim, "hidden_size", "embedding_length", 4096);
    keys.integer(hidden, "intermediate_size", "feed_forward_length", 14336);
    keys.integer(layers_count, "num_hidden_layers", "block_count", 32, 4096);
    keys.integer(heads, "num_attention_heads", "attention.head_count", 32, 65536);
    if (!keys.is_gguf()) keys.integer(kv_heads, "num_key_value_heads", nullptr, 8, 65536);
    keys.integer(d, "head_dim", "attention.key_length", heads > 0 ? dim / heads : 0, 4096);
    keys.real(eps, "rms_norm_eps", "attention.layer_norm_rms_epsilon", 1e-6);
    mixer_config(keys);
    expert_counts(keys, experts, used, "num_experts|num_local_experts", keys.is_gguf() ? 0 : 16, 2);
    layer_kinds(keys);
    activation_key(keys, "hidden_act", "silu");
    tying(keys, false);
    if (kv_heads == 0) kv_heads = heads;
    check_sizes(keys);
    if (!keys.is_reading()) return;
    set_layers();
  }

  void mixer_config(ConfigKeys& keys) {
    int64_t expand = dim > 0 ? mixer.inner / dim : 0;
    if (keys.is_gguf()) {
      keys.integer(mixer.inner, nullptr, "ssm.inner_size");
    } else {
      if (keys.json_out() && expand * dim != mixer.inner)
        fail(Fault::file, "{}: an inner width of {} is no multiple of {}", keys.what(), mixer.inner, dim);
      keys.integer(expand, "mamba_expand", nullptr, 2, 65536);
      mixer.inner = expand * dim;
    }
    keys.integer(mixer.n, "mamba_d_state", "ssm.state_size", 16, 65536);
    conv_width(keys, mixer.width, "mamba_d_conv", 4);
    time_step_rank(keys, mixer.rank, "mamba_dt_rank");
    const bool hf = keys.json_in() != nullptr;
    keys.flag(mixer.bias, "mamba_proj_bias", nullptr, !hf && anywhere(keys, "ssm_in.bias"));
    keys.flag(mixer.conv_bias, "mamba_conv_bias", nullptr, hf || anywhere(keys, "ssm_conv1d.bias"));
    if (mixer.inner < 1 || mixer.n < 1)
      fail(Fault::file, "{}: inner width {} and state of {} do not make a model", keys.what(), mixer.inner,
           mixer.n);
  }
  bool anywhere(const ConfigKeys& keys, const char* tensor) const {
    for (int64_t i = 0; i < layers_count; ++i)
      if (keys.has_tensor(blk(i, tensor))) return true;
    return false;
  }

  // Which layers attend and which have experts: by period and offset, and in GGUF by what there is.
  void layer_kinds(ConfigKeys& keys) {
    attending_layers(keys, attending);
    if (keys.is_gguf()) {
      if (!keys.is_reading()) return;
      sparse.clear();
      for (int64_t i = 0; i < layers_count; ++i)
        sparse.push_back(experts > 0 && keys.has_tensor(blk(i, "ffn_gate_inp.weight")));
      return;
    }
    periodic(keys, attending, "attn_layer_period", "attn_layer_offset", 8, 4);
    periodic(keys, sparse, "expert_layer_period", "expert_layer_offset", 2, 1);
    if (keys.is_reading() && experts < 2) sparse.assign(static_cast<size_t>(layers_count), false);
  }

  void periodic(ConfigKeys& keys, std::vector<bool>& chosen, const char* period_key, const char* offset_key,
                int64_t period, int64_t offset) const {
    if (!keys.is_reading()) std::tie(period, offset) = period_of(keys, chosen);
    keys.integer(period, period_key, nullptr, period);
    keys.integer(offset, offset_key, nullptr, offset);
    if (!keys.is_reading()) return;
    if (period < 1 || offset < 0 || offset >= period)
      fail(Fault::file, "{}: \"{}\" {} with \"{}\" {}", keys.what(), period_key, period, offset_key, offset);
    chosen.clear();
    for (int64_t i = 0; i < layers_count; ++i) chosen.push_back(i % period == offset);
  }

  // None chosen: a period past the last layer.
  static std::pair<int64_t, int64_t> period_of(const ConfigKeys& keys, const std::vector<bool>& chosen) {
    const auto n = static_cast<int64_t>(chosen.size());
    for (int64_t period = 1; period <= n + 1; ++period)
      for (int64_t offset = 0; offset < period; ++offset) {
        bool same = true;
        for (int64_t i = 0; i < n && same; ++i)
          same = chosen[static_cast<size_t>(i)] == (i % period == offset);
        if (same) return {period, offset};
      }
    fail(Fault::usage, "{}: these kinds of layers do not repeat, and config.json can say no other",
         keys.what());
  }

  void set_layers() {
    mixer.norms = mixer.norm_weights = true;
    mixer.dt_norm.eps = mixer.b_norm.eps = mixer.c_norm.eps = norm.eps = eps;
    mixer.conv.act = act;
    layers.assign(static_cast<size_t>(layers_count), {});
    int entry = 0;
    for (int64_t i = 0; i < layers_count; ++i) {
      Layer& l = layers[static_cast<size_t>(i)];
      l.norm.eps = l.mlp_norm.eps = eps;
      l.mixer = mixer;
      l.attention.heads = heads, l.attention.kv_heads = kv_heads, l.attention.d = d;
      l.moe.options = {.top_k = static_cast<int>(used)};
      l.entry = entry;
      if (!attends(i)) entry += 2;
    }
  }

  void visit(WeightVisitor& v) override {
    v.table(embed, "token_embd.weight", "model.embed_tokens.weight", {vocab, dim});
    v.vector(norm.weight, "output_norm.weight", "model.final_layernorm.weight", {dim});
    if (!tied) v.matrix(head.weight, "output.weight", "lm_head.weight", {vocab, dim});
    for (int64_t i = 0; i < layers_count; ++i) {
      Layer& l = layers[static_cast<size_t>(i)];
      const std::string hf = "model.layers." + std::to_string(i) + ".";
      v.vector(l.norm.weight, blk(i, "attn_norm.weight"), hf + "input_layernorm.weight", {dim});
      if (attends(i)) {
        AttentionBlock& a = l.attention;
        a.q.visit(v, blk(i, "attn_q"), hf + "self_attn.q_proj", {heads * d, dim});
        a.k.visit(v, blk(i, "attn_k"), hf + "self_attn.k_proj", {kv_heads * d, dim});
        a.v.visit(v, blk(i, "attn_v"), hf + "self_attn.v_proj", {kv_heads * d, dim});
        a.o.visit(v, blk(i, "attn_output"), hf + "self_attn.o_proj", {dim, heads * d});
      } else {
        l.mixer.visit(v, i, hf + "mamba.", dim);
      }
      v.vector(l.mlp_norm.weight, blk(i, "ffn_norm.weight"), hf + "pre_ff_layernorm.weight", {dim});
      if (sparse[static_cast<size_t>(i)])
        l.moe.visit(v, i, hf + "feed_forward.", experts, dim, hidden, "gate_proj", "up_proj", "down_proj",
                    "router");
      else
        l.dense.visit(v, i, hf + "feed_forward.", dim, hidden);
    }
  }

  void ready(Device& device) override {
    for (Layer& l : layers) l.mixer.ready(device);
  }
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
    const Tensor mixed = attends(i) ? l.attention(cx, in, step, i, nullptr, attention_options(i))
                                    : l.mixer(cx, in, step, l.entry);
    const Tensor h = add(cx, x, mixed), y = l.mlp_norm(cx, h);
    return add(cx, h, sparse[static_cast<size_t>(i)] ? l.moe(cx, y, act) : l.dense(cx, y, act));
  }
  Tensor final_norm(Context& cx, const Tensor& x) override { return norm(cx, x); }

  float eps = 1e-6f;
  int64_t experts = 0, used = 0;
  std::vector<bool> attending, sparse;
  MambaMixer mixer;  // its sizes and options; without weights
  RmsNorm norm;
  std::vector<Layer> layers;
};

}  // namespace
namespace tables {
extern const ModelInfo model_jamba;
const ModelInfo model_jamba{"jamba",
                            "jamba",
                            "JambaForCausalLM",
                            "jamba",
                            nullptr,
                            []() -> std::unique_ptr<Model> { return std::make_unique<Jamba>(); },
                            "Lieber et al. 2024"};
}  // namespace tables
}  // namespace ridge
