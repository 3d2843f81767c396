// Qwen 3 MoE (Yang et al. 2025): Qwen 3 with a mixture of experts in all layers but those named.
#include "base/error.h"
#include "base/json.h"
#include "models/registry.h"
#include "nn/decoder.h"
#include "nn/moe.h"

namespace ridge {
namespace {

class Qwen3Moe final : public Decoder {
  void defaults() override { head_norms = true; }

  void more_config(ConfigKeys& keys) override {
    attention_bias(keys);
    bool windowed = window > 0;
    keys.flag(windowed, "use_sliding_window", nullptr, false);
    sliding_window(keys, window, 4096);
    if (keys.json_in() && !windowed) window = 0;

    expert_counts(keys, experts, used, "num_experts|num_local_experts", keys.is_gguf() ? 0 : 128, 8);
    keys.integer(expert_hidden, "moe_intermediate_size", "expert_feed_forward_length", 768);
    keys.flag(normalize, "norm_topk_prob", "expert_weights_norm", keys.is_gguf());
    which_layers(keys);
    if (keys.is_reading()) moe.assign(static_cast<size_t>(layers_count), {});
    for (MoeMlp& m : moe) m.options = {.top_k = static_cast<int>(used), .normalize = normalize};
  }

  // Layers with an MLP in place of experts: mlp_only_layers, and those that decoder_sparse_step passes over.
  // A GGUF file shows it by its tensors.
  void which_layers(ConfigKeys& keys) {
    int64_t step = 1;
    keys.integer(step, "decoder_sparse_step", nullptr, 1);
    std::vector<int64_t> plain;
    if (!keys.is_reading()) {
      for (size_t i = 0; i < dense.size(); ++i)
        if (dense[i]) plain.push_back(static_cast<int64_t>(i));
      if (Json* j = keys.json_out()) (*j)["mlp_only_layers"] = plain;
      return;
    }
    if (step < 1) fail(Fault::file, "{}: a decoder_sparse_step of {}", keys.what(), step);
    keys.integers(plain, "mlp_only_layers", nullptr);
    dense.assign(static_cast<size_t>(layers_count), experts == 0);
    for (int64_t i = 0; i < layers_count; ++i)
      if ((i + 1) % step != 0 || keys.has_tensor(blk(i, "ffn_gate.weight")))
        dense[static_cast<size_t>(i)] = true;
    for (const int64_t i : plain)
      if (i >= 0 && i < layers_count) dense[static_cast<size_t>(i)] = true;
  }

  void visit_layer(WeightVisitor& v, int64_t i) override {
    Layer& l = layers[static_cast<size_t>(i)];
    visit_norm(v, l.attention_norm, blk(i, "attn_norm"), hf(i, "input_layernorm"), dim);
    visit_attention(v, i);
    visit_norm(v, l.mlp_norm, blk(i, "ffn_norm"), hf(i, "post_attention_layernorm"), dim);
    if (dense[static_cast<size_t>(i)])
      l.mlp.visit(v, i, hf(i, "mlp."), dim, hidden);
    else
      moe[static_cast<size_t>(i)].visit(v, i, hf(i, "mlp."), experts, dim, expert_hidden);
  }

  Tensor mlp(Context& cx, int i, const Tensor& x) override {
    return dense[static_cast<size_t>(i)] ? Decoder::mlp(cx, i, x) : moe[static_cast<size_t>(i)](cx, x, act);
  }

  int64_t experts = 0, used = 0, expert_hidden = 0;
  bool normalize = false;
  std::vector<bool> dense;
  std::vector<MoeMlp> moe;
};

}  // namespace
namespace tables {
extern const ModelInfo model_qwen3_moe;
const ModelInfo model_qwen3_moe{
    "qwen3_moe",       "qwen3_moe", "Qwen3MoeForCausalLM",
    "qwen3moe",        nullptr,     []() -> std::unique_ptr<Model> { return std::make_unique<Qwen3Moe>(); },
    "Yang et al. 2025"};
}  // namespace tables
}  // namespace ridge
