// Mamba-2 (Dao and Gu 2024).
#include "base/error.h"
#include "models/registry.h"
#include "nn/ssm.h"
#include "ops/add/add.h"

namespace ridge {
namespace {

class Mamba2 final : public HybridTransformer {
  struct Layer {
    RmsNorm norm;
    Mamba2Mixer mixer;
  };

  void config(ConfigKeys& keys) override {
    read_vocab(keys, vocab);
    context = int64_t{1} << 20;  // there is no limit; the number is the published converter's
    if (keys.is_gguf()) keys.integer(context, nullptr, "context_length", context);
    keys.integer(dim, "hidden_size", "embedding_length", 4096);
    keys.integer(layers_count, "num_hidden_layers", "block_count", 64, 4096);
    keys.real(eps, "layer_norm_epsilon", "attention.layer_norm_rms_epsilon", 1e-5);
    scan_config(keys);
    conv_width(keys, mixer.width, "conv_kernel", 4);
    keys.flag(mixer.in_bias, "use_bias", nullptr, keys.has_tensor(blk(0, "ssm_in.bias")));
    mixer.out_bias = mixer.in_bias;
    keys.flag(mixer.conv_bias, "use_conv_bias", nullptr,
              keys.json_in() || keys.has_tensor(blk(0, "ssm_conv1d.bias")));
    time_step_limit(keys, mixer.dt_min, mixer.dt_max);
    activation_key(keys, "hidden_act", "silu");
    tying(keys, false);
    unused_keys(keys);
    mixer.check(keys);
    if (dim < 1 || vocab < 1)
      fail(Fault::file, "{}: width {} and {} tokens do not make a model", keys.what(), dim, vocab);
    if (!keys.is_reading()) return;
    mixer.conv.act = act;
    mixer.norm.eps = norm.eps = eps;
    mixer.norm_groups = mixer.groups;
    layers.assign(static_cast<size_t>(layers_count), {});
    for (Layer& l : layers) l.norm.eps = eps, l.mixer = mixer;
  }

  void scan_config(ConfigKeys& keys) {
    int64_t expand = dim > 0 ? mixer.inner() / dim : 0, inner = mixer.inner();
    const bool hf = !keys.is_gguf();
    keys.integer(mixer.heads, "num_heads", "ssm.time_step_rank",
                 hf ? std::optional<int64_t>(128) : std::nullopt, 1 << 20);
    keys.integer(mixer.n, "state_size", "ssm.state_size", 128, 65536);
    keys.integer(mixer.groups, "n_groups", "ssm.group_count", hf ? 8 : 1, 65536);
    if (hf) {
      keys.integer(mixer.p, "head_dim", nullptr, 64, 65536);
      keys.integer(expand, "expand", nullptr, 2, 65536);
      inner = expand * dim;
    } else {
      keys.integer(inner, nullptr, "ssm.inner_size");
      if (keys.is_reading()) mixer.p = mixer.heads > 0 ? inner / mixer.heads : 0;
    }
    if (inner != mixer.inner())
      fail(Fault::file, "{}: {} heads of width {} for an inner width of {}", keys.what(), mixer.heads,
           mixer.p, inner);
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

  std::string reference_fault() const override { return mixer.reference_fault(); }
  void imitate_fault(bool on) override {
    for (Layer& l : layers) l.mixer.imitate_fault(on);
  }
  void ready(Device& device) override {
    for (Layer& l : layers) l.mixer.ready(device);
  }
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
  Mamba2Mixer mixer;  // its sizes and options; without weights
  RmsNorm norm;
  std::vector<Layer> layers;
};

}  // namespace
namespace tables {
extern const ModelInfo model_mamba2;
const ModelInfo model_mamba2{
    "mamba2",         "mamba2", "Mamba2ForCausalLM",
    "mamba2",         nullptr,  []() -> std::unique_ptr<Model> { return std::make_unique<Mamba2>(); },
    "Dao and Gu 2024"};
}  // namespace tables
}  // namespace ridge
