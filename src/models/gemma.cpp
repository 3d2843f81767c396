// Gemma (Gemma Team 2024): wide heads, GeGLU, embeddings scaled by sqrt(dim), norms that hold weight - 1.
#include "models/gemma_decoder.h"
#include "models/registry.h"

namespace ridge {
namespace {

class Gemma final : public GemmaDecoder {
  void defaults() override {
    GemmaDecoder::defaults();
    act_key = "hidden_act|hidden_activation";
  }
  void more_config(ConfigKeys& keys) override {
    GemmaDecoder::more_config(keys);
    if (act == Activation::gelu)
      act = Activation::gelu_tanh;  // what the first releases wrote and did not mean
  }
};

}  // namespace
namespace tables {
extern const ModelInfo model_gemma;
const ModelInfo model_gemma{
    "gemma",          "gemma", "GemmaForCausalLM",
    "gemma",          nullptr, []() -> std::unique_ptr<Model> { return std::make_unique<Gemma>(); },
    "Gemma Team 2024"};
}  // namespace tables
}  // namespace ridge
