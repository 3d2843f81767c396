// The decoder-only transformer that most architectures are variations of: pre-norm blocks of grouped-query
// attention with RoPE and a gated MLP (LLaMA, Touvron et al. 2023). An architecture's file derives from it
// and says what differs.
#pragma once
#include <vector>

#include "nn/layers.h"
#include "nn/model.h"
#include "nn/rope.h"
#include "nn/step.h"

namespace ridge {

// Queries, keys, values and output; q_norm and k_norm are used where they have weights.
struct AttentionBlock {
  Linear q, k, v, o;
  RmsNorm q_norm, k_norm;  // over each head
  int64_t heads = 0, kv_heads = 0, d = 0;

  // x f32 [tokens, dim]; `rope` may be null.
  Tensor operator()(Context& cx, const Tensor& x, const Step& step, int layer, const Rope* rope,
                    const AttentionOptions& options) const;
};

class Decoder : public Model {
 public:
  void config(ConfigKeys& keys) override;
  void visit(WeightVisitor& v) override;
  void ready(Device& device) override;
  std::unique_ptr<State> make_state(Device& device, int slots, int64_t capacity, DType kv) const override;
  ModelSize size() const override { return {vocab, dim, layers_count, context}; }

 protected:
  struct Layer {
    RmsNorm attention_norm, mlp_norm;
    AttentionBlock attention;
    GatedMlp mlp;
  };

  Tensor run(Context& cx, const Batch& batch, State* state) override;

  // What architectures change.
  virtual void more_config(ConfigKeys&) {}
  virtual void visit_layer(WeightVisitor& v, int64_t i);                        // default: LLaMA's weights
  virtual Tensor embed_tokens(Context& cx, const Step& step);                   // default: look-up
  virtual Tensor block(Context& cx, int i, const Tensor& x, const Step& step);  // default: LLaMA's block
  virtual Tensor mlp(Context& cx, int i, const Tensor& x) {
    return layers[static_cast<size_t>(i)].mlp(cx, x, act);
  }
  virtual AttentionOptions attention_options(int layer) const;  // default: 1/sqrt(d), causal
  virtual const Rope* rope_of(int /*layer*/) const { return &rope; }
  virtual Tensor logits(Context& cx, const Tensor& x);  // default: the head
  virtual std::vector<KvCache::Layer> cache_layers() const;
  // Whether GGUF files of this architecture hold q and k rows in interleaved order.
  virtual bool gguf_interleaves() const { return false; }

  // Parts of visit() for those that write their own.
  void visit_ends(WeightVisitor& v);  // embedding, final norm, head
  void visit_attention(WeightVisitor& v, int64_t i, bool bias, bool head_norms);
  std::string hf(int64_t i, const std::string& rest) const {
    return "model.layers." + std::to_string(i) + "." + rest;
  }
  // The share of the settings that all have; heads and kv_heads are checked against each other.
  void common_config(ConfigKeys& keys);

  int64_t vocab = 0, dim = 0, layers_count = 0, heads = 0, kv_heads = 0, d = 0, hidden = 0, context = 0;
  float eps = 1e-6f;
  bool tied = false;
  bool tied_by_default = false;  // what a config.json without the key means
  bool biases = false;           // of q, k and v
  bool head_norms = false;       // q_norm and k_norm
  Activation act = Activation::silu;
  std::string act_name = "silu";
  RopeConfig rope_config;

  Tensor embed;
  RmsNorm norm;
  Linear head;
  std::vector<Layer> layers;
  Rope rope;
};

// The token count a GGUF or config gives; from the embedding's shape where the key is missing (older GGUF
// files).
void read_vocab(ConfigKeys& keys, int64_t& vocab);

}  // namespace ridge
