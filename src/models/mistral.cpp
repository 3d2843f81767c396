// Mistral 7B (Jiang et al. 2023): LLaMA with a sliding window in every layer.
#include "files/gguf_metadata.h"
#include "models/registry.h"
#include "nn/decoder.h"

namespace ridge {
namespace {

class Mistral final : public Decoder {
  void more_config(ConfigKeys& keys) override { sliding_window(keys, window, 4096); }
  bool gguf_interleaves() const override { return true; }
};

// GGUF files say "llama"; one without a window is LLaMA in all but name.
bool matches(const GgufMetadata& m) {
  return m.u32_or("llama.expert_count", 0) == 0 && m.u32_or("llama.attention.sliding_window", 0) > 0;
}

}  // namespace
namespace tables {
extern const ModelInfo model_mistral;
const ModelInfo model_mistral{"mistral",
                              "mistral",
                              "MistralForCausalLM",
                              "llama",
                              matches,
                              []() -> std::unique_ptr<Model> { return std::make_unique<Mistral>(); },
                              "Jiang et al. 2023"};
}  // namespace tables
}  // namespace ridge
