// Phi-3 and Phi-4 (Abdin et al. 2024): one weight for q, k and v, one for gate and up; LongRoPE; a share of
// the head may go without rotation.
#include "base/json.h"
#include "models/registry.h"
#include "nn/decoder.h"
#include "ops/add/add.h"
#include "ops/view/view.h"

namespace ridge {
namespace {

class Phi3 final : public Decoder {
  struct Fused {
    FusedAttention attention;
    Linear gate_up, down;
  };

  void defaults() override { eps = 1e-5f; }

  void more_config(ConfigKeys& keys) override {
    sliding_window(keys, window, 0);
    if (Json* j = keys.json_out()) (*j)["original_max_position_embeddings"] = rope_config.original_context;
    if (!keys.is_reading()) return;
    fused.assign(static_cast<size_t>(layers_count), {});
    for (Fused& f : fused) f.attention.heads = heads, f.attention.kv_heads = kv_heads, f.attention.d = d;
  }

  void visit_layer(WeightVisitor& v, int64_t i) override {
    Layer& l = layers[static_cast<size_t>(i)];
    Fused& f = fused[static_cast<size_t>(i)];
    visit_norm(v, l.attention_norm, blk(i, "attn_norm"), hf(i, "input_layernorm"), dim);
    f.attention.qkv.visit(v, blk(i, "attn_qkv"), hf(i, "self_attn.qkv_proj"),
                          {(heads + 2 * kv_heads) * d, dim});
    f.attention.o.visit(v, blk(i, "attn_output"), hf(i, "self_attn.o_proj"), {dim, heads * d});
    visit_norm(v, l.mlp_norm, blk(i, "ffn_norm"), hf(i, "post_attention_layernorm"), dim);
    f.gate_up.visit(v, blk(i, "ffn_up"), hf(i, "mlp.gate_up_proj"), {2 * hidden, dim});
    f.down.visit(v, blk(i, "ffn_down"), hf(i, "mlp.down_proj"), {dim, hidden});
  }

  Tensor block(Context& cx, int i, const Tensor& x, const Step& step) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    const Fused& f = fused[static_cast<size_t>(i)];
    const Tensor h =
        add(cx, x, f.attention(cx, l.attention_norm(cx, x), step, i, &rope, attention_options(i)));
    const Tensor both = f.gate_up(cx, l.mlp_norm(cx, h));
    const Tensor mixed =
        gated(cx, slice(cx, both, 1, 0, hidden), slice(cx, both, 1, hidden, 2 * hidden), act);
    return add(cx, h, f.down(cx, mixed));
  }

  std::vector<Fused> fused;
};

}  // namespace
namespace tables {
extern const ModelInfo model_phi3;
const ModelInfo model_phi3{"phi3",
                           "phi3",
                           "Phi3ForCausalLM",
                           "phi3",
                           nullptr,
                           []() -> std::unique_ptr<Model> { return std::make_unique<Phi3>(); },
                           "Abdin et al. 2024"};
}  // namespace tables
}  // namespace ridge
