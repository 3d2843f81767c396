// LLaMA 1 to 3 (Touvron et al. 2023; Llama 3's RoPE scaling; tied and untied; attention and MLP biases where
// a config asks).
#include "files/gguf_metadata.h"
#include "models/registry.h"
#include "nn/decoder.h"

namespace ridge {
namespace {

class Llama final : public Decoder {
  void more_config(ConfigKeys& keys) override {
    attention_bias(keys);
    mlp_bias_key(keys);
  }
  bool gguf_interleaves() const override { return true; }
};

// GGUF files name Mistral and Mixtral "llama" too.
bool matches(const GgufMetadata& m) {
  return m.u32_or("llama.expert_count", 0) == 0 && m.u32_or("llama.attention.sliding_window", 0) == 0;
}

}  // namespace
namespace tables {
extern const ModelInfo model_llama;
const ModelInfo model_llama{"llama",
                            "llama",
                            "LlamaForCausalLM",
                            "llama",
                            matches,
                            []() -> std::unique_ptr<Model> { return std::make_unique<Llama>(); },
                            "Touvron et al. 2023"};
}  // namespace tables
}  // namespace ridge
