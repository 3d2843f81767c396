#include "nn/decoder.h"

#include <cmath>

#include "base/error.h"
#include "files/gguf_metadata.h"
#include "ops/add/add.h"
#include "ops/embedding/embedding.h"
#include "ops/view/view.h"

namespace ridge {

Tensor AttentionBlock::operator()(Context& cx, const Tensor& x, const Step& step, int layer, const Rope* rope,
                                  const AttentionOptions& options) const {
  const int64_t n = x.dim(0);
  Tensor queries = reshape(cx, q(cx, x), {n, heads, d});
  Tensor keys = reshape(cx, k(cx, x), {n, kv_heads, d});
  const Tensor values = reshape(cx, v(cx, x), {n, kv_heads, d});
  if (q_norm.weight) queries = q_norm(cx, queries);
  if (k_norm.weight) keys = k_norm(cx, keys);
  if (rope) queries = (*rope)(cx, queries, step.positions), keys = (*rope)(cx, keys, step.positions);
  const Tensor mixed = step.attend(cx, layer, queries, keys, values, options);
  return o(cx, reshape(cx, mixed, {n, heads * d}));
}

void read_vocab(ConfigKeys& keys, int64_t& vocab) {
  std::optional<int64_t> fallback;
  if (const GgufMetadata* m = keys.gguf_in())
    if (const GgufValue* tokens = m->find("tokenizer.ggml.tokens"))
      fallback = static_cast<int64_t>(tokens->count());
  keys.integer(vocab, "vocab_size", "vocab_size", fallback);
}

void Decoder::common_config(ConfigKeys& keys) {
  read_vocab(keys, vocab);
  keys.integer(context, "max_position_embeddings", "context_length", 2048, int64_t{1} << 31);
  keys.integer(dim, "hidden_size", "embedding_length");
  keys.integer(layers_count, "num_hidden_layers", "block_count", {}, 4096);
  keys.integer(hidden, "intermediate_size", "feed_forward_length");
  keys.integer(heads, "num_attention_heads", "attention.head_count", {}, 65536);
  keys.integer(kv_heads, "num_key_value_heads", "attention.head_count_kv", heads, 65536);
  keys.real(eps, "rms_norm_eps", "attention.layer_norm_rms_epsilon", 1e-6);
  if (heads < 1 || kv_heads < 1 || heads % kv_heads != 0 || dim < 1 || vocab < 1)
    fail(Fault::file, "{}: {} heads, {} KV heads, width {} and {} tokens do not make a model", keys.what(),
         heads, kv_heads, dim, vocab);
  keys.integer(d, "head_dim", "attention.key_length", dim / heads, 4096);
  if (d < 1) fail(Fault::file, "{}: heads of width {}", keys.what(), d);
  if (keys.gguf_out()) keys.integer(d, nullptr, "attention.value_length");
  if (keys.is_gguf()) {
    if (keys.is_reading()) tied = !keys.has_tensor("output.weight");
  } else {
    keys.flag(tied, "tie_word_embeddings", nullptr, tied_by_default);
    keys.text(act_name, "hidden_act|hidden_activation", nullptr, act_name);
    act = parse_activation(act_name);
  }
}

void Decoder::config(ConfigKeys& keys) {
  common_config(keys);
  rope_config.config(keys, d, context);
  more_config(keys);
  if (!keys.is_reading()) return;
  layers.assign(static_cast<size_t>(layers_count), {});
  norm.eps = eps;
  for (Layer& l : layers) {
    l.attention_norm.eps = l.mlp_norm.eps = l.attention.q_norm.eps = l.attention.k_norm.eps = eps;
    l.attention.heads = heads, l.attention.kv_heads = kv_heads, l.attention.d = d;
  }
}

void Decoder::visit_ends(WeightVisitor& v) {
  v.table(embed, "token_embd.weight", "model.embed_tokens.weight", {vocab, dim});
  v.vector(norm.weight, "output_norm.weight", "model.norm.weight", {dim});
  if (!tied) v.matrix(head.weight, "output.weight", "lm_head.weight", {vocab, dim});
}

void Decoder::visit_attention(WeightVisitor& v, int64_t i, bool bias, bool norms) {
  AttentionBlock& a = layers[static_cast<size_t>(i)].attention;
  WeightSpec q_rows, k_rows;
  if (gguf_interleaves()) q_rows.rope_heads = heads, k_rows.rope_heads = kv_heads;
  v.matrix(a.q.weight, blk(i, "attn_q.weight"), hf(i, "self_attn.q_proj.weight"), {heads * d, dim}, q_rows);
  v.matrix(a.k.weight, blk(i, "attn_k.weight"), hf(i, "self_attn.k_proj.weight"), {kv_heads * d, dim},
           k_rows);
  v.matrix(a.v.weight, blk(i, "attn_v.weight"), hf(i, "self_attn.v_proj.weight"), {kv_heads * d, dim});
  if (bias) {
    v.vector(a.q.bias, blk(i, "attn_q.bias"), hf(i, "self_attn.q_proj.bias"), {heads * d}, q_rows);
    v.vector(a.k.bias, blk(i, "attn_k.bias"), hf(i, "self_attn.k_proj.bias"), {kv_heads * d}, k_rows);
    v.vector(a.v.bias, blk(i, "attn_v.bias"), hf(i, "self_attn.v_proj.bias"), {kv_heads * d});
  }
  v.matrix(a.o.weight, blk(i, "attn_output.weight"), hf(i, "self_attn.o_proj.weight"), {dim, heads * d});
  if (norms) {
    v.vector(a.q_norm.weight, blk(i, "attn_q_norm.weight"), hf(i, "self_attn.q_norm.weight"), {d});
    v.vector(a.k_norm.weight, blk(i, "attn_k_norm.weight"), hf(i, "self_attn.k_norm.weight"), {d});
  }
}

void Decoder::visit_layer(WeightVisitor& v, int64_t i) {
  Layer& l = layers[static_cast<size_t>(i)];
  v.vector(l.attention_norm.weight, blk(i, "attn_norm.weight"), hf(i, "input_layernorm.weight"), {dim});
  visit_attention(v, i, biases, head_norms);
  v.vector(l.mlp_norm.weight, blk(i, "ffn_norm.weight"), hf(i, "post_attention_layernorm.weight"), {dim});
  l.mlp.visit(v, i, hf(i, "mlp."), dim, hidden);
}

void Decoder::visit(WeightVisitor& v) {
  visit_ends(v);
  for (int64_t i = 0; i < layers_count; ++i) visit_layer(v, i);
}

void Decoder::ready(Device& device) {
  const auto dims = 2 * static_cast<int64_t>(std::floor(rope_config.partial * static_cast<double>(d) / 2));
  rope.make(device, rope_config, dims, context, from_gguf && gguf_interleaves());
}

std::vector<KvCache::Layer> Decoder::cache_layers() const {
  return std::vector<KvCache::Layer>(static_cast<size_t>(layers_count), {kv_heads, d, d});
}

std::unique_ptr<State> Decoder::make_state(Device& device, int slots, int64_t capacity, DType kv) const {
  return std::make_unique<KvCache>(device, cache_layers(), slots, capacity, kv);
}

AttentionOptions Decoder::attention_options(int) const {
  return {.scale = 1 / std::sqrt(static_cast<float>(d))};
}

Tensor Decoder::embed_tokens(Context& cx, const Step& step) { return embedding(cx, embed, step.ids); }

Tensor Decoder::block(Context& cx, int i, const Tensor& x, const Step& step) {
  const Layer& l = layers[static_cast<size_t>(i)];
  const Tensor h =
      add(cx, x, l.attention(cx, l.attention_norm(cx, x), step, i, rope_of(i), attention_options(i)));
  return add(cx, h, mlp(cx, i, l.mlp_norm(cx, h)));
}

Tensor Decoder::logits(Context& cx, const Tensor& x) {
  return linear(cx, x, tied ? embed : head.weight, head.bias);
}

Tensor Decoder::run(Context& cx, const Batch& batch, State* state) {
  const Step step(cx, batch, static_cast<KvCache*>(state));
  Tensor x = embed_tokens(cx, step);
  for (int i = 0; i < static_cast<int>(layers_count); ++i) {
    const Context::Scope scope(cx, "layers", i);
    x = block(cx, i, x, step);
  }
  return logits(cx, norm(cx, step.wanted(cx, x)));
}

}  // namespace ridge
