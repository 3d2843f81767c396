// SmolLM3 (Bakouch et al. 2025): LLaMA with no rotation in every fourth layer (NoPE; Yang et al. 2025).
#include "base/error.h"
#include "base/json.h"
#include "files/gguf_metadata.h"
#include "models/registry.h"
#include "nn/decoder.h"

namespace ridge {
namespace {

class SmolLm3 final : public Decoder {
  void defaults() override {
    tied_by_default = true;
    rope_config.theta = 2e6;
  }

  void more_config(ConfigKeys& keys) override {
    attention_bias(keys);
    mlp_bias_key(keys);
    rotated_layers(keys);
    bool windowed = window > 0;
    keys.flag(windowed, "use_sliding_window", nullptr, false);
    sliding_window(keys, window, 0);
    std::vector<bool> rule(static_cast<size_t>(layers_count));
    if (keys.json_in() && windowed && window > 0)
      for (size_t i = 0; i < rule.size(); ++i) rule[i] = !rotates[i];
    sliding = sliding_layers(keys, layers_count, rule, sliding);
    for (const bool s : sliding)
      if (s && window == 0)
        fail(Fault::file, "{}: a layer of type \"sliding_attention\" and no sliding_window", keys.what());
  }

  // no_rope_layers: 1 for layers that rotate. GGUF has no key for it: every fourth layer does not.
  void rotated_layers(ConfigKeys& keys) {
    std::vector<int64_t> flags;
    int64_t interval = 4;
    if (!keys.is_reading()) {
      bool usual = true;
      for (size_t i = 0; i < rotates.size(); ++i) {
        flags.push_back(rotates[i]);
        usual = usual && rotates[i] == ((i + 1) % 4 != 0);
      }
      if (keys.json_out() || !usual) keys.integers(flags, "no_rope_layers", "/ridge.rotated_layers");
      return;
    }
    keys.integer(interval, "no_rope_layer_interval", nullptr, 4);
    if (interval < 1) fail(Fault::file, "{}: a no_rope_layer_interval of {}", keys.what(), interval);
    keys.integers(flags, "no_rope_layers", "/ridge.rotated_layers");
    if (!flags.empty() && static_cast<int64_t>(flags.size()) < layers_count)
      fail(Fault::file, "{}: {} no_rope_layers for {} layers", keys.what(), flags.size(), layers_count);
    rotates.assign(static_cast<size_t>(layers_count), true);
    for (size_t i = 0; i < rotates.size(); ++i)
      rotates[i] = flags.empty() ? (static_cast<int64_t>(i) + 1) % interval != 0 : flags[i] != 0;
  }

  bool gguf_interleaves() const override { return true; }
  const Rope* rope_of(int layer) const override {
    return rotates[static_cast<size_t>(layer)] ? &rope : nullptr;
  }

  std::vector<bool> rotates;
};

}  // namespace
namespace tables {
extern const ModelInfo model_smollm3;
const ModelInfo model_smollm3{"smollm3",
                              "smollm3",
                              "SmolLM3ForCausalLM",
                              "smollm3",
                              nullptr,
                              []() -> std::unique_ptr<Model> { return std::make_unique<SmolLm3>(); },
                              "Bakouch et al. 2025"};
}  // namespace tables
}  // namespace ridge
