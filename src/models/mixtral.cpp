// Mixtral (Jiang et al. 2024): Mistral with a mixture of experts in place of each MLP.
#include "files/gguf_metadata.h"
#include "models/registry.h"
#include "nn/decoder.h"
#include "nn/moe.h"

namespace ridge {
namespace {

class Mixtral final : public Decoder {
  void defaults() override {
    eps = 1e-5f;
    rope_config.theta = 1e6;
  }
  void more_config(ConfigKeys& keys) override {
    sliding_window(keys, window, 0);
    expert_counts(keys, experts, used, "num_local_experts|num_experts", 8, 2);
    if (keys.is_reading()) moe.assign(static_cast<size_t>(layers_count), {});
    for (MoeMlp& m : moe) m.options = {.top_k = static_cast<int>(used), .normalize = true};
  }
  bool gguf_interleaves() const override { return true; }
  void visit_layer(WeightVisitor& v, int64_t i) override {
    Layer& l = layers[static_cast<size_t>(i)];
    visit_norm(v, l.attention_norm, blk(i, "attn_norm"), hf(i, "input_layernorm"), dim);
    visit_attention(v, i);
    visit_norm(v, l.mlp_norm, blk(i, "ffn_norm"), hf(i, "post_attention_layernorm"), dim);
    moe[static_cast<size_t>(i)].visit(v, i, hf(i, "block_sparse_moe."), experts, dim, hidden, "w1", "w3",
                                      "w2");
  }
  Tensor mlp(Context& cx, int i, const Tensor& x) override { return moe[static_cast<size_t>(i)](cx, x, act); }

  int64_t experts = 0, used = 0;
  std::vector<MoeMlp> moe;
};

bool matches(const GgufMetadata& m) { return m.u32_or("llama.expert_count", 0) > 0; }

}  // namespace
namespace tables {
extern const ModelInfo model_mixtral;
const ModelInfo model_mixtral{"mixtral",
                              "mixtral",
                              "MixtralForCausalLM",
                              "llama",
                              matches,
                              []() -> std::unique_ptr<Model> { return std::make_unique<Mixtral>(); },
                              "Jiang et al. 2024"};
}  // namespace tables
}  // namespace ridge
