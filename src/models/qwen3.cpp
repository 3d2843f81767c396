// Qwen 3 (Yang et al. 2025): RMS norms over each head's queries and keys.
#include "models/registry.h"
#include "nn/decoder.h"

namespace ridge {
namespace {

class Qwen3 final : public Decoder {
  void defaults() override {
    head_norms = true;
    default_head_dim = 128;
  }
  void more_config(ConfigKeys& keys) override {
    attention_bias(keys);
    upper_window(keys);
  }
};

}  // namespace
namespace tables {
extern const ModelInfo model_qwen3;
const ModelInfo model_qwen3{
    "qwen3",           "qwen3", "Qwen3ForCausalLM",
    "qwen3",           nullptr, []() -> std::unique_ptr<Model> { return std::make_unique<Qwen3>(); },
    "Yang et al. 2025"};
}  // namespace tables
}  // namespace ridge
