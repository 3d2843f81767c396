// GPT-NeoX and Pythia (Black et al. 2022): attention and MLP side by side, a share of the head rotated, q, k
// and v of each head in one weight.
#include "base/error.h"
#include "base/json.h"
#include "models/registry.h"
#include "nn/rope.h"
#include "nn/transformer.h"
#include "ops/add/add.h"

namespace ridge {
namespace {

class GptNeoX final : public Transformer {
  struct Layer {
    LayerNorm attention_norm, mlp_norm;
    FusedAttention attention;
    Mlp mlp;
  };

  void config(ConfigKeys& keys) override {
    read_vocab(keys, vocab);
    keys.integer(context, "max_position_embeddings", "context_length", 2048);
    keys.integer(dim, "hidden_size", "embedding_length");
    keys.integer(layers_count, "num_hidden_layers", "block_count", {}, 4096);
    keys.integer(heads, "num_attention_heads", "attention.head_count", {}, 65536);
    keys.integer(hidden, "intermediate_size", "feed_forward_length");
    keys.real(eps, "layer_norm_eps", "attention.layer_norm_epsilon", 1e-5);
    keys.flag(parallel, "use_parallel_residual", "use_parallel_residual", true);
    keys.flag(bias, "attention_bias", nullptr, !keys.is_gguf() || keys.has_tensor(blk(0, "attn_qkv.bias")));
    kv_heads = heads;
    d = heads > 0 ? dim / heads : 0;
    check_sizes(keys);
    if (d * heads != dim)
      fail(Fault::file, "{}: width {} is no multiple of {} heads", keys.what(), dim, heads);
    tying(keys, false);
    activation_key(keys, "hidden_act", "gelu");
    if (keys.is_reading()) rope_config.partial = 0.25;
    rope_config.config(keys, d, context);
    if (Json* j = keys.json_out())
      (*j)["rotary_pct"] = rope_config.partial, (*j)["rotary_emb_base"] = rope_config.theta;
    if (!keys.is_reading()) return;
    layers.assign(static_cast<size_t>(layers_count), {});
    norm.eps = eps;
    for (Layer& l : layers) {
      l.attention_norm.eps = l.mlp_norm.eps = eps;
      l.attention.heads = l.attention.kv_heads = heads, l.attention.d = d;
    }
  }

  void visit(WeightVisitor& v) override {
    v.table(embed, "token_embd.weight", "gpt_neox.embed_in.weight", {vocab, dim});
    norm.visit(v, "output_norm", "gpt_neox.final_layer_norm", dim);
    if (!tied) v.matrix(head.weight, "output.weight", "embed_out.weight", {vocab, dim});
    rope.visit(v, rope_config);
    for (int64_t i = 0; i < layers_count; ++i) {
      Layer& l = layers[static_cast<size_t>(i)];
      const std::string hf = "gpt_neox.layers." + std::to_string(i) + ".";
      l.attention_norm.visit(v, blk(i, "attn_norm"), hf + "input_layernorm", dim);
      l.attention.qkv.visit(v, blk(i, "attn_qkv"), hf + "attention.query_key_value", {3 * dim, dim}, bias,
                            {.hf_layout = qkv_by_head(heads)});
      l.attention.o.visit(v, blk(i, "attn_output"), hf + "attention.dense", {dim, dim}, bias);
      l.mlp_norm.visit(v, blk(i, "ffn_norm"), hf + "post_attention_layernorm", dim);
      l.mlp.up.visit(v, blk(i, "ffn_up"), hf + "mlp.dense_h_to_4h", {hidden, dim}, true);
      l.mlp.down.visit(v, blk(i, "ffn_down"), hf + "mlp.dense_4h_to_h", {dim, hidden}, true);
    }
  }

  std::vector<Rope*> ropes() override { return {&rope}; }
  void ready(Device& device) override { rope.ready(device, rope_config, false); }

  Tensor block(Context& cx, int i, const Tensor& x, const Step& step) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    const Tensor mixed = l.attention(cx, l.attention_norm(cx, x), step, i, &rope, attention_options(i));
    const Tensor h = add(cx, x, mixed);
    return add(cx, h, l.mlp(cx, l.mlp_norm(cx, parallel ? x : h), act));
  }
  Tensor final_norm(Context& cx, const Tensor& x) override { return norm(cx, x); }

  float eps = 1e-5f;
  bool parallel = true, bias = true;
  RopeConfig rope_config;
  Rope rope;
  LayerNorm norm;
  std::vector<Layer> layers;
};

}  // namespace
namespace tables {
extern const ModelInfo model_gpt_neox;
const ModelInfo model_gpt_neox{
    "gpt_neox",         "gpt_neox", "GPTNeoXForCausalLM",
    "gptneox",          nullptr,    []() -> std::unique_ptr<Model> { return std::make_unique<GptNeoX>(); },
    "Black et al. 2022"};
}  // namespace tables
}  // namespace ridge
