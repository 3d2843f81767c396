// BLOOM (Le Scao et al. 2022): ALiBi in place of positions (Press et al. 2022), a norm on the embeddings, q,
// k and v of each head in one weight.
#include <cmath>

#include "base/error.h"
#include "models/registry.h"
#include "nn/transformer.h"
#include "ops/add/add.h"
#include "ops/embedding/embedding.h"

namespace ridge {
namespace {

class Bloom final : public Transformer {
  struct Layer {
    LayerNorm attention_norm, mlp_norm;
    FusedAttention attention;
    Mlp mlp;
  };

  void config(ConfigKeys& keys) override {
    read_vocab(keys, vocab);
    keys.integer(context, "seq_length", "context_length", 2048);  // ALiBi itself has no limit
    keys.integer(dim, "hidden_size|n_embed", "embedding_length", 64);
    keys.integer(layers_count, "n_layer|num_hidden_layers", "block_count", 2, 4096);
    keys.integer(heads, "n_head|num_attention_heads", "attention.head_count", 8, 65536);
    keys.real(eps, "layer_norm_epsilon", "attention.layer_norm_epsilon", 1e-5);
    keys.flag(residual_after_norm, "apply_residual_connection_post_layernorm",
              "/ridge.apply_residual_connection_post_layernorm", false);
    kv_heads = heads;
    d = heads > 0 ? dim / heads : 0;
    hidden = 4 * dim;
    check_sizes(keys);
    if (d * heads != dim)
      fail(Fault::file, "{}: width {} is no multiple of {} heads", keys.what(), dim, heads);
    keys.integer(hidden, nullptr, "feed_forward_length", 4 * dim);
    if (keys.gguf_out()) keys.integer(kv_heads, nullptr, "attention.head_count_kv");
    tying(keys, true);
    if (!keys.is_reading()) return;
    layers.assign(static_cast<size_t>(layers_count), {});
    embed_norm.eps = norm.eps = eps;
    for (Layer& l : layers) {
      l.attention_norm.eps = l.mlp_norm.eps = eps;
      l.attention.heads = l.attention.kv_heads = heads, l.attention.d = d;
    }
  }

  void visit(WeightVisitor& v) override {
    v.table(embed, "token_embd.weight", "transformer.word_embeddings.weight", {vocab, dim});
    embed_norm.visit(v, "token_embd_norm", "transformer.word_embeddings_layernorm", dim);
    norm.visit(v, "output_norm", "transformer.ln_f", dim);
    if (!tied) v.matrix(head.weight, "output.weight", "lm_head.weight", {vocab, dim});
    for (int64_t i = 0; i < layers_count; ++i) {
      Layer& l = layers[static_cast<size_t>(i)];
      const std::string hf = "transformer.h." + std::to_string(i) + ".";
      l.attention_norm.visit(v, blk(i, "attn_norm"), hf + "input_layernorm", dim);
      l.attention.qkv.visit(v, blk(i, "attn_qkv"), hf + "self_attention.query_key_value", {3 * dim, dim},
                            true, {.hf_layout = qkv_by_head(heads)});
      l.attention.o.visit(v, blk(i, "attn_output"), hf + "self_attention.dense", {dim, dim}, true);
      l.mlp_norm.visit(v, blk(i, "ffn_norm"), hf + "post_attention_layernorm", dim);
      l.mlp.up.visit(v, blk(i, "ffn_up"), hf + "mlp.dense_h_to_4h", {hidden, dim}, true);
      l.mlp.down.visit(v, blk(i, "ffn_down"), hf + "mlp.dense_4h_to_h", {dim, hidden}, true);
    }
  }

  // ALiBi, section 3: a geometric sequence from 2^(-8/n) for n heads, n a power of two; the heads beyond take
  // every other slope of the sequence for 2n.
  void ready(Device& device) override {
    int64_t power = 1;
    while (2 * power <= heads) power *= 2;
    slopes = device.make(f32, {heads});
    if (!slopes.has_data()) return;
    for (int64_t h = 0; h < heads; ++h)
      slopes.ptr<float>()[h] = static_cast<float>(
          h < power
              ? std::exp2(-8.0 / static_cast<double>(power) * static_cast<double>(h + 1))
              : std::exp2(-4.0 / static_cast<double>(power) * static_cast<double>(2 * (h - power) + 1)));
  }

  AttentionOptions attention_options(int layer) const override {
    AttentionOptions o = Transformer::attention_options(layer);
    o.slopes = slopes;
    return o;
  }
  Tensor embed_tokens(Context& cx, const Step& step) override {
    return embed_norm(cx, embedding(cx, embed, step.ids));
  }
  Tensor block(Context& cx, int i, const Tensor& x, const Step& step) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    const Tensor normed = l.attention_norm(cx, x);
    const Tensor mixed = l.attention(cx, normed, step, i, nullptr, attention_options(i));
    const Tensor h = add(cx, residual_after_norm ? normed : x, mixed);
    const Tensor h_normed = l.mlp_norm(cx, h);
    return add(cx, residual_after_norm ? h_normed : h, l.mlp(cx, h_normed, Activation::gelu_tanh));
  }
  Tensor final_norm(Context& cx, const Tensor& x) override { return norm(cx, x); }

  float eps = 1e-5f;
  bool residual_after_norm = false;
  Tensor slopes;
  LayerNorm embed_norm, norm;
  std::vector<Layer> layers;
};

}  // namespace
namespace tables {
extern const ModelInfo model_bloom;
const ModelInfo model_bloom{"bloom",
                            "bloom",
                            "BloomForCausalLM",
                            "bloom",
                            nullptr,
                            []() -> std::unique_ptr<Model> { return std::make_unique<Bloom>(); },
                            "Le Scao et al. 2022"};
}  // namespace tables
}  // namespace ridge
