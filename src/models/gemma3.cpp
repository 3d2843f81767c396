// Gemma 3, its language model (Gemma Team 2025): of six layers five look at a window and rotate with a base
// of their own; norms over each head.
#include "base/error.h"
#include "models/gemma_decoder.h"
#include "models/registry.h"

namespace ridge {
namespace {

class Gemma3 final : public SandwichGemma {
  void defaults() override {
    GemmaDecoder::defaults();
    head_norms = true;
    rope_config.theta = 1e6;
    rope_group = "full_attention";
  }

  void more_config(ConfigKeys& keys) override {
    SandwichGemma::more_config(keys);
    local_config.config(keys, d, context, "sliding_attention");
  }

  int64_t window_period(ConfigKeys& keys) override {
    if (keys.json_in()) keys.integer(period, "sliding_window_pattern|_sliding_window_pattern", nullptr, 6);
    if (period < 1) fail(Fault::file, "{}: a sliding_window_pattern of {}", keys.what(), period);
    return keys.is_gguf() ? 6 : period;
  }
  int64_t layers_of_27b() const override { return 62; }

  const Rope* rope_of(int layer) const override {
    return sliding[static_cast<size_t>(layer)] ? &local_rope : &rope;
  }
  void ready(Device& device) override {
    Decoder::ready(device);
    local_rope.ready(device, local_config, false);
  }

  // The published model code reads attn_logit_softcapping and does not apply it.
  AttentionOptions attention_options(int layer) const override {
    AttentionOptions o = SandwichGemma::attention_options(layer);
    o.softcap = 0;
    return o;
  }
  std::vector<Rope*> ropes() override { return {&rope, &local_rope}; }

  int64_t period = 6;
  RopeConfig local_config;
  Rope local_rope;
};

}  // namespace
namespace tables {
extern const ModelInfo model_gemma3;
const ModelInfo model_gemma3{"gemma3",
                             "gemma3_text gemma3",
                             "Gemma3ForCausalLM",
                             "gemma3",
                             nullptr,
                             []() -> std::unique_ptr<Model> { return std::make_unique<Gemma3>(); },
                             "Gemma Team 2025"};
}  // namespace tables
}  // namespace ridge
