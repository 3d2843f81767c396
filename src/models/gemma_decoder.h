// What the Gemmas share.
#pragma once
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "nn/decoder.h"
#include "ops/add/add.h"
#include "ops/embedding/embedding.h"
#include "ops/scale/scale.h"
#include "ops/softcap/softcap.h"

namespace ridge {

// Gemma: embeddings scaled by sqrt(dim); Hugging Face files hold the norms' weights less 1, GGUF files as
// they are used.
class GemmaDecoder : public Decoder {
 protected:
  void defaults() override {
    tied_by_default = true;
    default_head_dim = 256;
    act_key = "hidden_activation|hidden_act";
    default_act = "gelu_pytorch_tanh";
  }
  void more_config(ConfigKeys& keys) override {
    attention_bias(keys);
    bool both_ways = false;
    if (keys.json_in()) keys.flag(both_ways, "use_bidirectional_attention", nullptr, false);
    if (both_ways) fail(Fault::file, "{}: use_bidirectional_attention is not supported", keys.what());
  }
  Relayout norm_layout() const override { return plus_one(); }
  Tensor embed_tokens(Context& cx, const Step& step) override {
    return scale(cx, embedding(cx, embed, step.ids), std::sqrt(static_cast<float>(dim)));
  }
};

// Gemma 2 and 3: norms before and after attention and MLP, windows in some layers, caps, a scale of its own.
class SandwichGemma : public GemmaDecoder {
 protected:
  struct After {
    RmsNorm attention, mlp;
  };

  void more_config(ConfigKeys& keys) override {
    GemmaDecoder::more_config(keys);
    sliding_window(keys, window, 4096);
    std::vector<bool> rule(static_cast<size_t>(layers_count), true);
    const int64_t every = window_period(keys);
    for (int64_t i = every - 1; i < layers_count; i += every) rule[static_cast<size_t>(i)] = false;
    sliding = sliding_layers(keys, layers_count, rule, sliding);

    // GGUF files leave the scale to the reader: 1 / sqrt(d), but of the 27B models 1 / sqrt(dim / heads).
    const bool largest = keys.is_gguf() && layers_count == layers_of_27b();
    const double usual =
        largest ? static_cast<double>(dim) / static_cast<double>(heads) : static_cast<double>(d);
    keys.real(scalar, "query_pre_attn_scalar", "/ridge.query_pre_attn_scalar",
              keys.is_gguf() ? usual : 256.0);
    cap(keys, attention_cap, "attn_logit_softcapping", default_attention_cap());
    cap(keys, logit_cap, "final_logit_softcapping", default_logit_cap());
    // The reference insists on an integer where it is one.
    if (Json* j = keys.json_out(); j && scalar == std::floor(scalar))
      (*j)["query_pre_attn_scalar"] = static_cast<int64_t>(scalar);
    if (!(scalar > 0)) fail(Fault::file, "{}: a query_pre_attn_scalar of {}", keys.what(), scalar);
    if (!keys.is_reading()) return;
    after.assign(static_cast<size_t>(layers_count), {});
    for (After& a : after) a.attention.eps = a.mlp.eps = eps;
  }

  virtual int64_t window_period(ConfigKeys& keys) = 0;
  virtual int64_t layers_of_27b() const = 0;
  virtual double default_attention_cap() const { return 0; }
  virtual double default_logit_cap() const { return 0; }

  void visit_layer(WeightVisitor& v, int64_t i) override {
    Layer& l = layers[static_cast<size_t>(i)];
    After& a = after[static_cast<size_t>(i)];
    visit_norm(v, l.attention_norm, blk(i, "attn_norm"), hf(i, "input_layernorm"), dim);
    visit_attention(v, i);
    visit_norm(v, a.attention, blk(i, "post_attention_norm"), hf(i, "post_attention_layernorm"), dim);
    visit_norm(v, l.mlp_norm, blk(i, "ffn_norm"), hf(i, "pre_feedforward_layernorm"), dim);
    l.mlp.visit(v, i, hf(i, "mlp."), dim, hidden);
    visit_norm(v, a.mlp, blk(i, "post_ffw_norm"), hf(i, "post_feedforward_layernorm"), dim);
  }

  Tensor block(Context& cx, int i, const Tensor& x, const Step& step) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    const After& a = after[static_cast<size_t>(i)];
    const Tensor mixed = l.attention(cx, l.attention_norm(cx, x), step, i, rope_of(i), attention_options(i));
    const Tensor h = add(cx, x, a.attention(cx, mixed));
    return add(cx, h, a.mlp(cx, mlp(cx, i, l.mlp_norm(cx, h))));
  }

  AttentionOptions attention_options(int layer) const override {
    AttentionOptions o = Decoder::attention_options(layer);
    o.scale = static_cast<float>(1 / std::sqrt(scalar));
    o.softcap = static_cast<float>(attention_cap);
    return o;
  }

  Tensor logits(Context& cx, const Tensor& x) override {
    const Tensor y = Decoder::logits(cx, x);
    return logit_cap > 0 ? softcap(cx, y, static_cast<float>(logit_cap)) : y;
  }

 private:
  // null, like 0, is no cap.
  void cap(ConfigKeys& keys, double& value, const char* name, double by_default) {
    const bool given = keys.json_in() && keys.mentions(name);
    if (!keys.json_out() || value > 0) keys.real(value, name, name, given ? 0 : by_default);
    if (value < 0) fail(Fault::file, "{}: {} is {}", keys.what(), name, value);
  }

  double scalar = 256, attention_cap = 0, logit_cap = 0;
  std::vector<After> after;
};

}  // namespace ridge
