// OLMo 2 (Team OLMo 2025): norms after attention and MLP, none before; norms over all of q and all of k.
#include "models/registry.h"
#include "nn/decoder.h"
#include "ops/add/add.h"

namespace ridge {
namespace {

class Olmo2 final : public Decoder {
  void defaults() override { eps = 1e-5f; }
  void more_config(ConfigKeys& keys) override { attention_bias(keys); }

  void visit_layer(WeightVisitor& v, int64_t i) override {
    Layer& l = layers[static_cast<size_t>(i)];
    visit_attention(v, i);
    visit_norm(v, l.attention.q_norm, blk(i, "attn_q_norm"), hf(i, "self_attn.q_norm"), heads * d);
    visit_norm(v, l.attention.k_norm, blk(i, "attn_k_norm"), hf(i, "self_attn.k_norm"), kv_heads * d);
    visit_norm(v, l.attention_norm, blk(i, "post_attention_norm"), hf(i, "post_attention_layernorm"), dim);
    l.mlp.visit(v, i, hf(i, "mlp."), dim, hidden);
    visit_norm(v, l.mlp_norm, blk(i, "post_ffw_norm"), hf(i, "post_feedforward_layernorm"), dim);
  }

  Tensor block(Context& cx, int i, const Tensor& x, const Step& step) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    const Tensor mixed = l.attention(cx, x, step, i, &rope, attention_options(i));
    const Tensor h = add(cx, x, l.attention_norm(cx, mixed));
    return add(cx, h, l.mlp_norm(cx, mlp(cx, i, h)));
  }
};

}  // namespace
namespace tables {
extern const ModelInfo model_olmo2;
const ModelInfo model_olmo2{
    "olmo2",         "olmo2", "Olmo2ForCausalLM",
    "olmo2",         nullptr, []() -> std::unique_ptr<Model> { return std::make_unique<Olmo2>(); },
    "Team OLMo 2025"};
}  // namespace tables
}  // namespace ridge
