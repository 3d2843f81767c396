// Qwen 2 and 2.5 (Yang et al. 2024): biases on q, k and v; where asked, a sliding window in the upper layers.
#include "models/registry.h"
#include "nn/decoder.h"

namespace ridge {
namespace {

class Qwen2 final : public Decoder {
  void defaults() override { qkv_bias = true; }
  void more_config(ConfigKeys& keys) override { upper_window(keys); }
};

}  // namespace
namespace tables {
extern const ModelInfo model_qwen2;
const ModelInfo model_qwen2{
    "qwen2",           "qwen2", "Qwen2ForCausalLM",
    "qwen2",           nullptr, []() -> std::unique_ptr<Model> { return std::make_unique<Qwen2>(); },
    "Yang et al. 2024"};
}  // namespace tables
}  // namespace ridge
