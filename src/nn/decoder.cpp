#include "nn/decoder.h"

#include <cmath>

#include "base/error.h"
#include "ops/add/add.h"

namespace ridge {

void Decoder::config(ConfigKeys& keys) {
  if (keys.is_reading()) defaults();
  read_vocab(keys, vocab);
  keys.integer(context, "max_position_embeddings", "context_length", 2048);
  keys.integer(dim, "hidden_size", "embedding_length");
  keys.integer(layers_count, "num_hidden_layers", "block_count", {}, 4096);
  keys.integer(hidden, "intermediate_size", "feed_forward_length");
  keys.integer(heads, "num_attention_heads", "attention.head_count", {}, 65536);
  keys.integer(kv_heads, "num_key_value_heads", "attention.head_count_kv", heads, 65536);
  const int64_t usual = default_head_dim > 0 && keys.json_in() ? static_cast<int64_t>(default_head_dim)
                        : heads > 0                            ? dim / heads
                                                               : 0;
  keys.integer(d, "head_dim", "attention.key_length", usual, 4096);
  if (keys.is_gguf()) {
    int64_t value_length = d;
    keys.integer(value_length, nullptr, "attention.value_length", d);
    if (value_length != d)
      fail(Fault::file, "{}: keys of width {} and values of width {} are not supported", keys.what(), d,
           value_length);
  }
  keys.real(eps, "rms_norm_eps", "attention.layer_norm_rms_epsilon", double{eps});
  check_sizes(keys);
  tying(keys, tied_by_default);
  activation_key(keys, act_key, default_act);
  rope_config.config(keys, d, context, rope_group);
  more_config(keys);
  if (!keys.is_reading()) return;
  layers.assign(static_cast<size_t>(layers_count), {});
  norm.eps = eps;
  for (Layer& l : layers) {
    l.attention_norm.eps = l.mlp_norm.eps = l.attention.q_norm.eps = l.attention.k_norm.eps = eps;
    l.attention.heads = heads, l.attention.kv_heads = kv_heads, l.attention.d = d;
  }
}

void Decoder::attention_bias(ConfigKeys& keys) {
  keys.flag(qkv_bias, "attention_bias", nullptr, keys.has_tensor(blk(0, "attn_q.bias")));
  o_bias = qkv_bias;
}

void Decoder::mlp_bias_key(ConfigKeys& keys) {
  keys.flag(mlp_bias, "mlp_bias", nullptr, keys.has_tensor(blk(0, "ffn_down.bias")));
}

void Decoder::upper_window(ConfigKeys& keys) {
  bool used = window > 0;
  keys.flag(used, "use_sliding_window", nullptr, false);
  sliding_window(keys, window, 4096);
  if (keys.json_in() && !used) window = 0;
  int64_t first = 0;
  while (first < layers_count && !keys.is_reading() && !sliding[static_cast<size_t>(first)]) ++first;
  keys.integer(first, "max_window_layers", nullptr, keys.json_in() ? 28 : layers_count);
  std::vector<bool> rule(static_cast<size_t>(layers_count));
  if (keys.json_in() && window > 0)
    for (size_t i = 0; i < rule.size(); ++i) rule[i] = static_cast<int64_t>(i) >= first;
  sliding = sliding_layers(keys, layers_count, rule, sliding);
  for (const bool s : sliding)
    if (s && window == 0)
      fail(Fault::file, "{}: a layer of type \"sliding_attention\" and no sliding window in use",
           keys.what());
}

void Decoder::visit_norm(WeightVisitor& v, RmsNorm& n, const std::string& gguf, const std::string& name,
                         int64_t width) {
  v.vector(n.weight, gguf + ".weight", name + ".weight", {width}, {.hf_layout = norm_layout()});
}

void Decoder::visit_attention(WeightVisitor& v, int64_t i) {
  AttentionBlock& a = layers[static_cast<size_t>(i)].attention;
  WeightSpec q_rows, k_rows;
  if (gguf_interleaves()) q_rows.rope_heads = heads, k_rows.rope_heads = kv_heads;
  a.q.visit(v, blk(i, "attn_q"), hf(i, "self_attn.q_proj"), {heads * d, dim}, qkv_bias, q_rows);
  a.k.visit(v, blk(i, "attn_k"), hf(i, "self_attn.k_proj"), {kv_heads * d, dim}, qkv_bias, k_rows);
  a.v.visit(v, blk(i, "attn_v"), hf(i, "self_attn.v_proj"), {kv_heads * d, dim}, qkv_bias);
  a.o.visit(v, blk(i, "attn_output"), hf(i, "self_attn.o_proj"), {dim, heads * d}, o_bias);
  if (!head_norms) return;
  visit_norm(v, a.q_norm, blk(i, "attn_q_norm"), hf(i, "self_attn.q_norm"), d);
  visit_norm(v, a.k_norm, blk(i, "attn_k_norm"), hf(i, "self_attn.k_norm"), d);
}

void Decoder::visit_layer(WeightVisitor& v, int64_t i) {
  Layer& l = layers[static_cast<size_t>(i)];
  visit_norm(v, l.attention_norm, blk(i, "attn_norm"), hf(i, "input_layernorm"), dim);
  visit_attention(v, i);
  visit_norm(v, l.mlp_norm, blk(i, "ffn_norm"), hf(i, "post_attention_layernorm"), dim);
  l.mlp.visit(v, i, hf(i, "mlp."), dim, hidden, mlp_bias);
}

void Decoder::visit(WeightVisitor& v) {
  v.table(embed, "token_embd.weight", "model.embed_tokens.weight", {vocab, dim});
  visit_norm(v, norm, "output_norm", "model.norm", dim);
  if (!tied) v.matrix(head.weight, "output.weight", "lm_head.weight", {vocab, dim});
  rope.visit(v, rope_config);
  for (int64_t i = 0; i < layers_count; ++i) visit_layer(v, i);
}

void Decoder::ready(Device& device) { rope.ready(device, rope_config, from_gguf && gguf_interleaves()); }

AttentionOptions Decoder::attention_options(int layer) const {
  AttentionOptions o{.scale = 1 / std::sqrt(static_cast<float>(d))};
  if (sliding.empty() || sliding[static_cast<size_t>(layer)]) o.window = window;
  return o;
}

Tensor Decoder::block(Context& cx, int i, const Tensor& x, const Step& step) {
  const Layer& l = layers[static_cast<size_t>(i)];
  const Tensor h =
      add(cx, x, l.attention(cx, l.attention_norm(cx, x), step, i, rope_of(i), attention_options(i)));
  return add(cx, h, mlp(cx, i, l.mlp_norm(cx, h)));
}

}  // namespace ridge
