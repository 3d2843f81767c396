// Granite 3 (IBM 2024): LLaMA with multipliers on embeddings, attention, residuals and logits (muP; Yang et
// al. 2022).
#include "base/error.h"
#include "models/registry.h"
#include "nn/decoder.h"
#include "ops/add/add.h"
#include "ops/embedding/embedding.h"
#include "ops/scale/scale.h"

namespace ridge {
namespace {

class Granite final : public Decoder {
  void more_config(ConfigKeys& keys) override {
    attention_bias(keys);
    mlp_bias_key(keys);
    keys.real(embedding_multiplier, "embedding_multiplier", "embedding_scale", 1.0);
    keys.real(attention_multiplier, "attention_multiplier", "attention.scale", 1.0);
    keys.real(residual_multiplier, "residual_multiplier", "residual_scale", 1.0);
    keys.real(logits_scaling, "logits_scaling", "logit_scale", 1.0);
    if (logits_scaling == 0) fail(Fault::file, "{}: a logits_scaling of 0", keys.what());
  }

  Tensor embed_tokens(Context& cx, const Step& step) override {
    return scale(cx, embedding(cx, embed, step.ids), embedding_multiplier);
  }
  AttentionOptions attention_options(int) const override { return {.scale = attention_multiplier}; }
  Tensor block(Context& cx, int i, const Tensor& x, const Step& step) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    const Tensor mixed = l.attention(cx, l.attention_norm(cx, x), step, i, &rope, attention_options(i));
    const Tensor h = add(cx, x, mixed, residual_multiplier);
    return add(cx, h, mlp(cx, i, l.mlp_norm(cx, h)), residual_multiplier);
  }
  Tensor logits(Context& cx, const Tensor& x) override {
    return scale(cx, Decoder::logits(cx, x), 1 / logits_scaling);
  }
  bool gguf_interleaves() const override { return true; }

  float embedding_multiplier = 1, attention_multiplier = 1, residual_multiplier = 1, logits_scaling = 1;
};

}  // namespace
namespace tables {
extern const ModelInfo model_granite;
const ModelInfo model_granite{
    "granite", "granite", "GraniteForCausalLM",
    "granite", nullptr,   []() -> std::unique_ptr<Model> { return std::make_unique<Granite>(); },
    "IBM 2024"};
}  // namespace tables
}  // namespace ridge
