// Gemma 2 (Gemma Team 2024): every other layer looks at a window; attention and output logits are capped.
#include "models/gemma_decoder.h"
#include "models/registry.h"

namespace ridge {
namespace {

class Gemma2 final : public SandwichGemma {
  int64_t window_period(ConfigKeys&) override { return 2; }
  int64_t layers_of_27b() const override { return 46; }
  double default_attention_cap() const override { return 50; }
  double default_logit_cap() const override { return 30; }
};

}  // namespace
namespace tables {
extern const ModelInfo model_gemma2;
const ModelInfo model_gemma2{
    "gemma2",          "gemma2", "Gemma2ForCausalLM",
    "gemma2",          nullptr,  []() -> std::unique_ptr<Model> { return std::make_unique<Gemma2>(); },
    "Gemma Team 2024b"};
}  // namespace tables
}  // namespace ridge
