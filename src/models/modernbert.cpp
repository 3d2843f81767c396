// ModernBERT (Warner et al. 2024): norms before the layers, RoPE, gated MLPs, and attention that alternates
// between all tokens and a window. Texts lie end to end without padding.
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "files/gguf_metadata.h"
#include "models/registry.h"
#include "nn/attention.h"
#include "nn/encoder.h"
#include "nn/transformer.h"
#include "ops/add/add.h"
#include "ops/embedding/embedding.h"
#include "ops/view/view.h"

namespace ridge {
namespace {

class ModernBert final : public TextEncoder {
  struct Layer {
    LayerNorm attention_norm, mlp_norm;
    FusedAttention attention;
    Mlp mlp;  // the rows of `up` are what is activated, then what it is multiplied with
  };
  const char* class_begin() const override { return "ModernBert"; }

  void config(ConfigKeys& keys) override {
    keys.integer(vocab, "vocab_size", "vocab_size", 50368);
    keys.integer(context, "max_position_embeddings", "context_length", 8192);
    keys.integer(dim, "hidden_size", "embedding_length", 768);
    keys.integer(layers_count, "num_hidden_layers", "block_count", 22, 4096);
    keys.integer(heads, "num_attention_heads", "attention.head_count", 12, 65536);
    keys.integer(hidden, "intermediate_size", "feed_forward_length", 1152);
    keys.real(eps, "norm_eps", "attention.layer_norm_epsilon", 1e-5);
    keys.integer(window, "local_attention", "attention.sliding_window", 128);
    keys.flag(norm_bias, "norm_bias", "/ridge.norm_bias", false);
    keys.flag(attention_bias, "attention_bias", "/ridge.attention_bias", false);
    keys.flag(mlp_bias, "mlp_bias", "/ridge.mlp_bias", false);
    keys.flag(classifier_bias, "classifier_bias", "/ridge.classifier_bias", false);
    keys.flag(decoder_bias, "decoder_bias", "/ridge.decoder_bias",
              !keys.gguf_in() || keys.has_tensor("mlm.output.bias"));
    keys.text(pooling, "classifier_pooling", "/ridge.classifier_pooling", "cls");
    keys.text(classifier_act, "classifier_activation", "/ridge.classifier_activation", "gelu");
    activation_key(keys, "hidden_activation", "gelu");
    bool causal = false;
    keys.flag(causal, nullptr, "attention.causal", false);
    tying(keys);
    check_sizes(keys);
    layer_kinds(keys);
    rope_keys(keys);
    task_keys(keys, "model.", "embeddings.tok_embeddings.weight");
    if (!keys.is_reading()) return;
    if (pooling != "cls" && pooling != "mean")
      fail(Fault::file, "{}: classifier_pooling \"{}\" is not supported (cls, mean)", keys.what(),
           printable(pooling));
    if (causal) fail(Fault::file, "{}: an encoder turned into a decoder is not supported", keys.what());
    make_layers(keys);
  }

  void make_layers(const ConfigKeys& keys) {
    try {
      head.act = parse_activation(classifier_act);
    } catch (const Error& e) {  // what a file got wrong
      fail(Fault::file, "{}: {}", keys.what(), e.what());
    }
    embedding_norm.eps = output_norm.eps = head.norm.eps = eps;
    layers.assign(static_cast<size_t>(layers_count), {});
    for (Layer& l : layers) {
      l.attention_norm.eps = l.mlp_norm.eps = eps;
      l.attention.heads = l.attention.kv_heads = heads, l.attention.d = dim / heads;
    }
  }

  // Every n-th layer from the first sees all. GGUF holds n, or a flag a layer where there is no n.
  void layer_kinds(ConfigKeys& keys) {
    keys.integer(period, "global_attn_every_n_layers", nullptr, 3);
    const bool number = keys.gguf_in() && [&] {
      const GgufValue* v = keys.gguf_in()->find(keys.gguf_key("attention.sliding_window_pattern"));
      return v && !v->is_array();
    }();
    if (number) keys.integer(period, nullptr, "attention.sliding_window_pattern");
    if (period < 1) fail(Fault::file, "{}: every {}th layer sees all", keys.what(), period);
    std::vector<bool> rule;
    for (int64_t i = 0; i < layers_count; ++i) rule.push_back(i % period != 0);
    if (number) {
      sliding = rule;
    } else if (GgufMetadata* m = keys.gguf_out(); m && sliding == rule) {
      m->set_u32(keys.gguf_key("attention.sliding_window_pattern"), static_cast<uint32_t>(period));
    } else {
      sliding = sliding_layers(keys, layers_count, rule, sliding);
    }
  }

  void rope_keys(ConfigKeys& keys) {
    if (keys.json_in()) {
      if (const auto old = keys.json_in()->find("rope_scaling");
          old != keys.json_in()->end() && old->is_object() && !old->empty())
        fail(Fault::file, "{}: rope_scaling of older configurations is not supported; use rope_parameters",
             keys.what());
      keys.real(global_config.theta, "global_rope_theta", nullptr, 160000.0);
      keys.real(local_config.theta, "local_rope_theta", nullptr, 10000.0);
    } else if (keys.is_reading()) {
      global_config.theta = 160000;
    }
    global_config.config(keys, dim / heads, context, "full_attention");
    local_config.config(keys, dim / heads, context, "sliding_attention");
  }

  void visit_norm(WeightVisitor& v, LayerNorm& n, const std::string& gguf, const std::string& hf) {
    v.vector(n.weight, gguf + ".weight", hf + ".weight", {dim});
    if (norm_bias) v.vector(n.bias, gguf + ".bias", hf + ".bias", {dim});
  }

  void visit(WeightVisitor& v) override {
    v.table(words, "token_embd.weight", top + "embeddings.tok_embeddings.weight", {vocab, dim});
    visit_norm(v, embedding_norm, "token_embd_norm", top + "embeddings.norm");
    for (int64_t i = 0; i < layers_count; ++i) {
      Layer& l = layers[static_cast<size_t>(i)];
      const std::string hf = top + "layers." + std::to_string(i) + ".";
      // The first layer reads the embeddings, which are normed already.
      if (i > 0) visit_norm(v, l.attention_norm, blk(i, "attn_norm"), hf + "attn_norm");
      l.attention.qkv.visit(v, blk(i, "attn_qkv"), hf + "attn.Wqkv", {3 * dim, dim}, attention_bias);
      l.attention.o.visit(v, blk(i, "attn_output"), hf + "attn.Wo", {dim, dim}, attention_bias);
      visit_norm(v, l.mlp_norm, blk(i, "ffn_norm"), hf + "mlp_norm");
      l.mlp.up.visit(v, blk(i, "ffn_up"), hf + "mlp.Wi", {2 * hidden, dim}, mlp_bias);
      l.mlp.down.visit(v, blk(i, "ffn_down"), hf + "mlp.Wo", {dim, hidden}, mlp_bias);
    }
    visit_norm(v, output_norm, "output_norm", top + "final_norm");
    if (task == EncoderTask::model) return;
    head.dense.visit(v, "cls", "head.dense", {dim, dim}, classifier_bias);
    visit_norm(v, head.norm, "cls.norm", "head.norm");
    if (task == EncoderTask::masked_lm)
      visit_decoder(v, "decoder.weight", "decoder.bias", decoder_bias);
    else
      head.out.visit(v, "cls.output", "classifier", {task == EncoderTask::question ? 2 : labels, dim}, true);
  }

  void ready(Device& device) override {
    global_rope.ready(device, global_config, false);
    local_rope.ready(device, local_config, false);
  }
  std::vector<Rope*> ropes() override { return {&global_rope, &local_rope}; }

  Tensor embed(Context& cx, const TextStep& step) override {
    return embedding_norm(cx, embedding(cx, words, step.step.ids));
  }
  Tensor block(Context& cx, int i, const Tensor& x, const TextStep& step) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    const bool local = sliding[static_cast<size_t>(i)];
    AttentionOptions o{.scale = 1 / std::sqrt(static_cast<float>(dim / heads)), .causal = false};
    if (local) o.window = window / 2 + 1;
    const Tensor in = i > 0 ? l.attention_norm(cx, x) : x;
    const Tensor h = add(cx, x, l.attention(cx, in, step.step, i, local ? &local_rope : &global_rope, o));
    const Tensor both = l.mlp.up(cx, l.mlp_norm(cx, h));
    const Tensor inner =
        gated(cx, slice(cx, both, 1, 0, hidden), slice(cx, both, 1, hidden, 2 * hidden), act);
    return add(cx, h, l.mlp.down(cx, inner));
  }
  Tensor final_norm(Context& cx, const Tensor& x) override { return output_norm(cx, x); }
  Tensor summary(Context& cx, const Tensor& x, const TextStep& step) override {
    return pooling == "mean" ? mean_rows(cx, x, step) : first_rows(cx, x, step);
  }

  int64_t window = 128, period = 3;
  bool norm_bias = false, attention_bias = false, mlp_bias = false, classifier_bias = false,
       decoder_bias = true;
  std::string pooling = "cls", classifier_act = "gelu";
  std::vector<bool> sliding;
  RopeConfig global_config, local_config;
  Rope global_rope, local_rope;
  LayerNorm embedding_norm, output_norm;
  std::vector<Layer> layers;
};

}  // namespace
namespace tables {
extern const ModelInfo model_modernbert;
const ModelInfo model_modernbert{"modernbert",
                                 "modernbert",
                                 "ModernBertForMaskedLM",
                                 "modern-bert",
                                 nullptr,
                                 []() -> std::unique_ptr<Model> { return std::make_unique<ModernBert>(); },
                                 "Warner et al. 2024"};
}  // namespace tables
}  // namespace ridge
