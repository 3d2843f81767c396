// LLaMA's decoder (Touvron et al. 2023): pre-norm blocks of grouped-query attention with RoPE and a gated
// MLP, RMS norms. An architecture's file derives from it and says what differs.
#pragma once
#include <vector>

#include "nn/transformer.h"

namespace ridge {

class Decoder : public Transformer {
 public:
  void config(ConfigKeys& keys) override;
  void visit(WeightVisitor& v) override;
  void ready(Device& device) override;
  std::vector<Rope*> ropes() override { return {&rope}; }

 protected:
  struct Layer {
    RmsNorm attention_norm, mlp_norm;
    AttentionBlock attention;
    GatedMlp mlp;
  };

  // What architectures change.
  virtual void defaults() {}                // before the settings are read: those a config may leave out
  virtual void more_config(ConfigKeys&) {}  // settings that only this architecture has
  virtual void visit_layer(WeightVisitor& v, int64_t i);  // default: LLaMA's weights
  virtual Tensor mlp(Context& cx, int i, const Tensor& x) { return layers[size_t(i)].mlp(cx, x, act); }
  virtual const Rope* rope_of(int /*layer*/) const { return &rope; }
  // Whether GGUF files of this architecture hold q and k rows in interleaved order.
  virtual bool gguf_interleaves() const { return false; }
  // The norms' weights in Hugging Face files.
  virtual Relayout norm_layout() const { return {}; }

  Tensor block(Context& cx, int i, const Tensor& x, const Step& step) override;
  Tensor final_norm(Context& cx, const Tensor& x) override { return norm(cx, x); }
  AttentionOptions attention_options(int layer) const override;

  // Parts of visit_layer() for those that write their own.
  void visit_norm(WeightVisitor& v, RmsNorm& norm, const std::string& gguf, const std::string& hf, int64_t n);
  void visit_attention(WeightVisitor& v, int64_t i);
  // attention_bias, which adds biases to q, k, v and o; mlp_bias.
  void attention_bias(ConfigKeys& keys);
  void mlp_bias_key(ConfigKeys& keys);
  // use_sliding_window, max_window_layers and layer_types: the upper layers have the window (Qwen 2).
  void upper_window(ConfigKeys& keys);
  std::string hf(int64_t i, const std::string& rest) const {
    return "model.layers." + std::to_string(i) + "." + rest;
  }

  float eps = 1e-6f;
  bool tied_by_default = false;
  bool qkv_bias = false, o_bias = false, mlp_bias = false;
  bool head_norms = false;      // q_norm and k_norm over each head
  double default_head_dim = 0;  // 0: dim / heads
  const char* act_key = "hidden_act|hidden_activation";
  const char* default_act = "silu";
  RopeConfig rope_config;
  const char* rope_group = nullptr;  // where rope_parameters has several sets
  int64_t window = 0;                // 0: none
  std::vector<bool> sliding;         // layers that have the window; empty: all

  RmsNorm norm;
  std::vector<Layer> layers;
  Rope rope;
};

}  // namespace ridge
