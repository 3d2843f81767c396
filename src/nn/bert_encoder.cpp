#include "nn/bert_encoder.h"

#include <cmath>

#include "base/error.h"
#include "ops/add/add.h"
#include "ops/embedding/embedding.h"
#include "ops/multiply/multiply.h"
#include "ops/scale/scale.h"
#include "ops/view/view.h"

namespace ridge {

void BertEncoder::bert_keys(ConfigKeys& keys, int64_t default_vocab, int64_t default_positions,
                            int64_t default_types, const char* default_act) {
  keys.integer(vocab, "vocab_size", "vocab_size", default_vocab);
  keys.integer(context, "max_position_embeddings", "context_length", default_positions);
  keys.integer(dim, "hidden_size", "embedding_length", 768);
  keys.integer(layers_count, "num_hidden_layers", "block_count", 12, 4096);
  if (attends) keys.integer(heads, "num_attention_heads", "attention.head_count", 12, 65536);
  keys.integer(hidden, "intermediate_size", "feed_forward_length", 3072);
  keys.real(eps, "layer_norm_eps", "attention.layer_norm_epsilon", 1e-12);
  // Published readers ask for the count: it is written even where it is the usual one.
  keys.integer(types, "type_vocab_size", "/tokenizer.ggml.token_type_count",
               keys.is_reading() ? std::optional<int64_t>(default_types) : std::nullopt);
  bool causal = false;
  keys.flag(causal, nullptr, "attention.causal", false);
  if (keys.json_in()) {
    bool decoder = false;
    std::string relative;
    keys.flag(decoder, "is_decoder", nullptr, false);
    keys.text(relative, "position_embedding_type", nullptr, "absolute");
    if (relative != "absolute")
      fail(Fault::file, "{}: position_embedding_type \"{}\" is not supported (absolute)", keys.what(),
           printable(relative));
    causal = decoder;
  }
  if (causal) fail(Fault::file, "{}: an encoder turned into a decoder is not supported", keys.what());
  activation_key(keys, "hidden_act", default_act);
  tying(keys);
  check_sizes(keys);
  if (types < 1) fail(Fault::file, "{}: {} token types", keys.what(), types);
}

void BertEncoder::make_layers() {
  layers.assign(static_cast<size_t>(layers_count), {});
  embedding_norm.eps = head.norm.eps = eps;
  head.act = act;
  for (BertLayer& l : layers) l.attention_norm.eps = l.output_norm.eps = eps;
}

void BertEncoder::find_pooler(const ConfigKeys& keys, const std::string& hf, bool task_needs) {
  const bool checkpoint = keys.has_tensor(top + "embeddings.word_embeddings.weight");
  if (keys.is_gguf())
    has_pooler = keys.has_tensor("cls.weight");
  else
    has_pooler = task_needs || (checkpoint ? keys.has_tensor(hf + ".weight") : task == EncoderTask::model);
}

void BertEncoder::visit_embeddings(WeightVisitor& v) {
  const std::string hf = top + "embeddings.";
  v.table(words, "token_embd.weight", hf + "word_embeddings.weight", {vocab, dim});
  v.table(positions, "position_embd.weight", hf + "position_embeddings.weight", {context, dim},
          {.unread_rows = counted_without + 1});
  v.table(segments, "token_types.weight", hf + "token_type_embeddings.weight", {types, dim});
  embedding_norm.visit(v, "token_embd_norm", hf + "LayerNorm", dim);
}

void BertEncoder::visit_layer(WeightVisitor& v, int64_t i, bool bias, bool with_attention) {
  BertLayer& l = layers[static_cast<size_t>(i)];
  const std::string hf = top + "encoder.layer." + std::to_string(i) + ".";
  const Shape square{dim, dim};
  if (with_attention) {
    l.q.visit(v, blk(i, "attn_q"), hf + "attention.self.query", square, bias);
    l.k.visit(v, blk(i, "attn_k"), hf + "attention.self.key", square, bias);
    l.v.visit(v, blk(i, "attn_v"), hf + "attention.self.value", square, bias);
    l.o.visit(v, blk(i, "attn_output"), hf + "attention.output.dense", square, true);
    l.attention_norm.visit(v, blk(i, "attn_output_norm"), hf + "attention.output.LayerNorm", dim);
  }
  l.mlp.up.visit(v, blk(i, "ffn_up"), hf + "intermediate.dense", {hidden, dim}, true);
  l.mlp.down.visit(v, blk(i, "ffn_down"), hf + "output.dense", {dim, hidden}, true);
  l.output_norm.visit(v, blk(i, "layer_output_norm"), hf + "output.LayerNorm", dim);
}

void BertEncoder::visit_predictions(WeightVisitor& v) {
  if (task == EncoderTask::masked_lm || task == EncoderTask::pretraining) {
    head.dense.visit(v, "mlm.transform", "cls.predictions.transform.dense", {dim, dim}, true);
    head.norm.visit(v, "mlm.norm", "cls.predictions.transform.LayerNorm", dim);
    visit_decoder(v, "cls.predictions.decoder.weight", "cls.predictions.bias");
  }
  if (task == EncoderTask::pretraining || task == EncoderTask::next_sentence)
    relation.visit(v, "mlm.relation", "cls.seq_relationship", {2, dim}, true);
}

void BertEncoder::visit_lm_head(WeightVisitor& v) {
  head.dense.visit(v, "mlm.transform", "lm_head.dense", {dim, dim}, true);
  head.norm.visit(v, "mlm.norm", "lm_head.layer_norm", dim);
  visit_decoder(v, "lm_head.decoder.weight", "lm_head.bias");
}

void BertEncoder::visit_dense_classifier(WeightVisitor& v) {
  head.dense.visit(v, "cls", "classifier.dense", {dim, dim}, true);
  visit_labels(v, "classifier.out_proj");
}

void BertEncoder::visit_labels(WeightVisitor& v, const std::string& hf) {
  head.out.visit(v, "cls.output", hf, {task == EncoderTask::question ? 2 : labels, dim}, true);
}

Tensor BertEncoder::embed(Context& cx, const TextStep& step) {
  Tensor x = embedding(cx, words, step.step.ids);
  if (word_scale != 1) x = scale(cx, x, word_scale);
  if (segments) x = add(cx, x, embedding(cx, segments, step.types));
  x = add(cx, x, position_embeddings(cx, step));
  x = embedding_norm(cx, x);
  return projection.weight ? projection(cx, x) : x;
}

Tensor BertEncoder::block(Context& cx, int i, const Tensor& x, const TextStep& step) {
  const BertLayer& l = layers[static_cast<size_t>(i)];
  const Tensor h = l.attention_norm(cx, add(cx, mix(cx, i, x, step), x));
  return l.output_norm(cx, add(cx, l.mlp(cx, h, act), h));
}

Tensor BertEncoder::heads_of(Context& cx, const Tensor& x) const {
  return reshape(cx, x, {x.dim(0), heads, dim / heads});
}

float BertEncoder::attention_scale() const { return 1 / std::sqrt(static_cast<float>(dim / heads)); }

Tensor BertEncoder::mix(Context& cx, int i, const Tensor& x, const TextStep& step) {
  const BertLayer& l = layers[static_cast<size_t>(i)];
  const Tensor q = heads_of(cx, l.q(cx, x)), k = heads_of(cx, l.k(cx, x)), v = heads_of(cx, l.v(cx, x));
  return l.o(cx, reshape(cx, attend(cx, i, q, k, v, step), {x.dim(0), dim}));
}

Tensor BertEncoder::attend(Context& cx, int, const Tensor& q, const Tensor& k, const Tensor& v,
                           const TextStep& step) {
  return step.attend(cx, q, k, v, {.scale = attention_scale()});
}

Tensor BertEncoder::position_embeddings(Context& cx, const TextStep& step) const {
  std::vector<int32_t> rows(step.batch.tokens.size());
  std::vector<float> there(rows.size(), 1);
  bool all = true;
  for (const auto& s : step.batch.spans) {
    int32_t count = 0;
    for (int64_t i = s.begin; i < s.begin + s.length; ++i) {
      const auto at = static_cast<size_t>(i);
      const bool counts = step.batch.tokens[at] != counted_without;
      rows[at] = counts ? count++ : 0;
      if (!counts) there[at] = 0, all = false;
    }
    if (count > context)
      fail(Fault::usage, "a text of {} tokens is longer than the {} positions that this model has learned",
           s.length, context);
  }
  const auto n = static_cast<int64_t>(rows.size());
  const Tensor x = embedding(cx, positions, cx.from_host(rows.data(), n));
  return all ? x : multiply(cx, x, cx.from_host(there.data(), Shape{n, 1}));
}

}  // namespace ridge
