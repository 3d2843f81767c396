// GPT-2 (Radford et al. 2019): layer norms, learned positions, GELU; Hugging Face stores the matrices
// transposed.
#include <cmath>

#include "base/error.h"
#include "models/registry.h"
#include "nn/transformer.h"
#include "ops/add/add.h"
#include "ops/embedding/embedding.h"

namespace ridge {
namespace {

class Gpt2 final : public Transformer {
  struct Layer {
    LayerNorm attention_norm, mlp_norm;
    FusedAttention attention;
    Mlp mlp;
  };

  void config(ConfigKeys& keys) override {
    read_vocab(keys, vocab);
    keys.integer(context, "n_positions|max_position_embeddings", "context_length", 1024);
    keys.integer(dim, "n_embd|hidden_size", "embedding_length", 768);
    keys.integer(layers_count, "n_layer|num_hidden_layers", "block_count", 12, 4096);
    keys.integer(heads, "n_head|num_attention_heads", "attention.head_count", 12, 65536);
    keys.integer(hidden, "n_inner", "feed_forward_length", 4 * dim);
    keys.real(eps, "layer_norm_epsilon", "attention.layer_norm_epsilon", 1e-5);
    keys.flag(scaled, "scale_attn_weights", "/ridge.scale_attn_weights", true);
    keys.flag(scaled_by_layer, "scale_attn_by_inverse_layer_idx", "/ridge.scale_attn_by_inverse_layer_idx",
              false);
    bool cross = false;
    if (keys.json_in()) keys.flag(cross, "add_cross_attention", nullptr, false);
    if (cross) fail(Fault::file, "{}: cross-attention in GPT-2 is not supported", keys.what());
    kv_heads = heads;
    d = heads > 0 ? dim / heads : 0;
    check_sizes(keys);
    if (d * heads != dim)
      fail(Fault::file, "{}: width {} is no multiple of {} heads", keys.what(), dim, heads);
    tying(keys, true);
    activation_key(keys, "activation_function", "gelu_new");
    if (!keys.is_reading()) return;
    layers.assign(static_cast<size_t>(layers_count), {});
    norm.eps = eps;
    for (Layer& l : layers) {
      l.attention_norm.eps = l.mlp_norm.eps = eps;
      l.attention.heads = l.attention.kv_heads = heads, l.attention.d = d;
    }
  }

  void visit(WeightVisitor& v) override {
    v.table(embed, "token_embd.weight", "transformer.wte.weight", {vocab, dim});
    v.table(positions, "position_embd.weight", "transformer.wpe.weight", {context, dim});
    norm.visit(v, "output_norm", "transformer.ln_f", dim);
    if (!tied) v.matrix(head.weight, "output.weight", "lm_head.weight", {vocab, dim});
    for (int64_t i = 0; i < layers_count; ++i) {
      Layer& l = layers[static_cast<size_t>(i)];
      const std::string hf = "transformer.h." + std::to_string(i) + ".";
      l.attention_norm.visit(v, blk(i, "attn_norm"), hf + "ln_1", dim);
      visit_conv1d(v, l.attention.qkv, blk(i, "attn_qkv"), hf + "attn.c_attn", 3 * dim, dim);
      visit_conv1d(v, l.attention.o, blk(i, "attn_output"), hf + "attn.c_proj", dim, dim);
      l.mlp_norm.visit(v, blk(i, "ffn_norm"), hf + "ln_2", dim);
      visit_conv1d(v, l.mlp.up, blk(i, "ffn_up"), hf + "mlp.c_fc", hidden, dim);
      visit_conv1d(v, l.mlp.down, blk(i, "ffn_down"), hf + "mlp.c_proj", dim, hidden);
    }
  }

  static void visit_conv1d(WeightVisitor& v, Linear& l, const std::string& gguf, const std::string& hf,
                           int64_t out, int64_t in) {
    v.matrix(l.weight, gguf + ".weight", hf + ".weight", {out, in},
             {.hf_layout = transposed(), .transposed = true});
    v.vector(l.bias, gguf + ".bias", hf + ".bias", {out});
  }

  void ready(Device&) override {}

  AttentionOptions attention_options(int layer) const override {
    float s = scaled ? 1 / std::sqrt(static_cast<float>(d)) : 1;
    if (scaled_by_layer) s /= static_cast<float>(layer + 1);
    return {.scale = s};
  }
  Tensor embed_tokens(Context& cx, const Step& step) override {
    const Tensor rows = step.position_rows(cx, 0, context);
    return add(cx, embedding(cx, embed, step.ids), embedding(cx, positions, rows));
  }
  Tensor block(Context& cx, int i, const Tensor& x, const Step& step) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    const Tensor mixed = l.attention(cx, l.attention_norm(cx, x), step, i, nullptr, attention_options(i));
    const Tensor h = add(cx, x, mixed);
    return add(cx, h, l.mlp(cx, l.mlp_norm(cx, h), act));
  }
  Tensor final_norm(Context& cx, const Tensor& x) override { return norm(cx, x); }

  float eps = 1e-5f;
  bool scaled = true, scaled_by_layer = false;
  Tensor positions;
  LayerNorm norm;
  std::vector<Layer> layers;
};

}  // namespace
namespace tables {
extern const ModelInfo model_gpt2;
const ModelInfo model_gpt2{"gpt2",
                           "gpt2",
                           "GPT2LMHeadModel",
                           "gpt2",
                           nullptr,
                           []() -> std::unique_ptr<Model> { return std::make_unique<Gpt2>(); },
                           "Radford et al. 2019"};
}  // namespace tables
}  // namespace ridge
