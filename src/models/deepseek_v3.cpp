// DeepSeek-V3 and R1 (DeepSeek-AI 2024): multi-head latent attention, in which keys and values of all heads
// are one latent vector a token, and experts chosen by sigmoid scores within groups, beside shared ones.
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "files/gguf_metadata.h"
#include "models/registry.h"
#include "nn/moe.h"
#include "nn/transformer.h"
#include "ops/add/add.h"
#include "ops/concat/concat.h"
#include "ops/expert_linear/expert_linear.h"
#include "ops/view/view.h"

namespace ridge {
namespace {

class DeepSeekV3 final : public Transformer {
  // k_b and v_b are W^UK and W^UV of the paper (section 2.1.1), head by head. k_b stands so that it takes a
  // query to the latent space: scores are then products with the latents themselves, and heads share one
  // cached vector.
  struct Layer {
    RmsNorm attention_norm, mlp_norm, q_a_norm, kv_a_norm;
    Linear q, q_a, q_b, kv_a, o;  // q alone, or q_a and q_b
    Tensor k_b, v_b;              // [heads, latent, nope], [heads, v_dim, latent]
    GatedMlp dense, shared;
    MoeMlp moe;
  };

  void config(ConfigKeys& keys) override {
    read_vocab(keys, vocab);
    keys.integer(context, "max_position_embeddings", "context_length", 4096);
    keys.integer(dim, "hidden_size", "embedding_length");
    keys.integer(layers_count, "num_hidden_layers", "block_count", {}, 4096);
    keys.integer(hidden, "intermediate_size", "feed_forward_length");
    keys.integer(heads, "num_attention_heads", "attention.head_count", {}, 65536);
    kv_heads = heads;
    keys.real(eps, "rms_norm_eps", "attention.layer_norm_rms_epsilon", 1e-6);
    attention_config(keys);
    expert_config(keys);
    d = nope + rotated;
    check_sizes(keys);
    if (latent < 1 || nope < 1 || rotated < 1 || v_dim < 1)
      fail(Fault::file, "{}: latent attention with widths {}, {}, {} and {}", keys.what(), latent, nope,
           rotated, v_dim);
    tying(keys, false);
    activation_key(keys, "hidden_act", "silu");
    rope_config.config(keys, rotated, context);
    if (!keys.is_reading()) return;
    layers.assign(static_cast<size_t>(layers_count), {});
    norm.eps = eps;
    for (Layer& l : layers) {
      l.attention_norm.eps = l.mlp_norm.eps = eps;
      l.q_a_norm.eps = l.kv_a_norm.eps = 1e-6f;  // whatever rms_norm_eps says: so in the published model code
      l.moe.options = route_options;
    }
  }

  void attention_config(ConfigKeys& keys) {
    keys.integer(q_rank, "q_lora_rank", "attention.q_lora_rank", missing_q_rank(keys));
    keys.integer(latent, "kv_lora_rank", "attention.kv_lora_rank",
                 keys.json_in() ? std::optional<int64_t>(512) : std::nullopt);
    keys.flag(interleaved, "rope_interleave", "/ridge.rope_interleave", true);
    keys.flag(bias, "attention_bias", nullptr, keys.has_tensor(blk(0, "attn_output.bias")));
    if (!keys.is_gguf()) {
      keys.integer(nope, "qk_nope_head_dim", nullptr, 128);
      keys.integer(rotated, "qk_rope_head_dim", nullptr, 64);
      keys.integer(v_dim, "v_head_dim", nullptr, 128);
      int64_t all_heads = heads;
      if (keys.json_out()) keys.integer(all_heads, "num_key_value_heads", nullptr);
      return;
    }
    // Newer files say of one shared head that its keys are (latent, rotated part) and its values the latent,
    // and hold k_b and v_b; older ones describe the heads themselves and hold both as kv_b.
    if (keys.is_reading()) fused_kv_b = keys.has_tensor(blk(0, "attn_kv_b.weight"));
    int64_t key = nope + rotated, one = fused_kv_b ? heads : 1;
    keys.integer(rotated, nullptr, "rope.dimension_count");
    if (fused_kv_b ||
        (keys.is_reading() && !keys.gguf_in()->has(keys.gguf_key("attention.key_length_mla")))) {
      keys.integer(key, nullptr, "attention.key_length");
      keys.integer(v_dim, nullptr, "attention.value_length");
    } else {
      keys.integer(key, nullptr, "attention.key_length_mla");
      keys.integer(v_dim, nullptr, "attention.value_length_mla");
      int64_t latent_key = latent + rotated;
      if (!keys.is_reading()) keys.integer(latent_key, nullptr, "attention.key_length");
      if (!keys.is_reading()) keys.integer(latent, nullptr, "attention.value_length");
    }
    if (!keys.is_reading()) keys.integer(one, nullptr, "attention.head_count_kv");
    if (keys.is_reading()) nope = key - rotated;
  }

  // null means no factorization; a config that does not mention it means the published model's.
  static int64_t missing_q_rank(const ConfigKeys& keys) {
    return keys.json_in() && !keys.mentions("q_lora_rank") ? 1536 : 0;
  }

  void expert_config(ConfigKeys& keys) {
    std::string scoring = "sigmoid";
    int64_t groups = route_options.groups, top_groups = route_options.top_groups, frequency = 1;
    int64_t gating = route_options.score == RouteScore::sigmoid ? 2 : 1;
    expert_counts(keys, experts, used, "n_routed_experts|num_local_experts", keys.is_gguf() ? 0 : 256, 8);
    keys.integer(expert_hidden, "moe_intermediate_size", "expert_feed_forward_length", 2048);
    keys.integer(shared, "n_shared_experts", "expert_shared_count", keys.is_gguf() ? 0 : 1, 4096);
    keys.integer(dense_layers, "first_k_dense_replace", "leading_dense_block_count", keys.is_gguf() ? 0 : 3);
    // Where all groups are taken there are none, and readers of GGUF insist that there be fewer.
    const bool grouped = keys.is_reading() || keys.json_out() || top_groups < groups;
    if (grouped)
      keys.integer(groups, "n_group", "expert_group_count",
                   keys.json_in() && !keys.mentions("n_group") ? 8 : 1, 65536);
    if (grouped)
      keys.integer(top_groups, "topk_group", "expert_group_used_count",
                   keys.json_in() && !keys.mentions("topk_group") ? 4 : 1, 65536);
    keys.flag(route_options.normalize, "norm_topk_prob", "expert_weights_norm", !keys.is_gguf());
    keys.real(route_options.scale, "routed_scaling_factor", "expert_weights_scale",
              keys.is_gguf() ? 1.0 : 2.5);
    keys.text(scoring, "scoring_func", nullptr, "sigmoid");
    keys.integer(frequency, "moe_layer_freq", nullptr, 1);
    keys.integer(gating, nullptr, "expert_gating_func", keys.is_gguf() ? 1 : 2);
    if (scoring != "sigmoid" || frequency != 1 || (gating != 1 && gating != 2))
      fail(Fault::file, "{}: experts scored by \"{}\" (gating {}) in every {}. layer are not supported",
           keys.what(), printable(scoring), gating, frequency);
    if (groups < 1 || top_groups < 1 || top_groups > groups ||
        (experts > 0 && (experts % groups != 0 || used > experts / groups * top_groups)))
      fail(Fault::file, "{}: {} of {} experts out of {} of {} groups", keys.what(), used, experts, top_groups,
           groups);
    route_options.score = gating == 2 ? RouteScore::sigmoid : RouteScore::softmax;
    if (gating == 1 && groups > 1)
      fail(Fault::file, "{}: groups of experts with softmax scores are not supported", keys.what());
    route_options.groups = static_cast<int>(groups);
    route_options.top_groups = static_cast<int>(top_groups);
    route_options.top_k = static_cast<int>(used);
    if (keys.is_reading()) biased = !keys.is_gguf() || keys.has_tensor(blk(dense_layers, "exp_probs_b.bias"));
    if (Json* j = keys.json_out()) {
      (*j)["head_dim"] = rotated;
      if (q_rank == 0) (*j)["q_lora_rank"] = nullptr;
    }
  }

  bool is_dense(int64_t layer) const { return experts == 0 || layer < dense_layers; }

  void visit(WeightVisitor& v) override {
    v.table(embed, "token_embd.weight", "model.embed_tokens.weight", {vocab, dim});
    v.vector(norm.weight, "output_norm.weight", "model.norm.weight", {dim});
    if (!tied) v.matrix(head.weight, "output.weight", "lm_head.weight", {vocab, dim});
    rope.visit(v, rope_config);
    for (int64_t i = 0; i < layers_count; ++i) {
      Layer& l = layers[static_cast<size_t>(i)];
      const std::string hf = "model.layers." + std::to_string(i) + ".";
      v.vector(l.attention_norm.weight, blk(i, "attn_norm.weight"), hf + "input_layernorm.weight", {dim});
      visit_attention(v, l, i, hf + "self_attn.");
      v.vector(l.mlp_norm.weight, blk(i, "ffn_norm.weight"), hf + "post_attention_layernorm.weight", {dim});
      if (is_dense(i)) {
        l.dense.visit(v, i, hf + "mlp.", dim, hidden);
        continue;
      }
      l.moe.visit(v, i, hf + "mlp.", experts, dim, expert_hidden);
      if (biased)
        v.vector(l.moe.options.selection_bias, blk(i, "exp_probs_b.bias"),
                 hf + "mlp.gate.e_score_correction_bias", {experts});
      if (shared > 0)
        l.shared.visit(v, i, hf + "mlp.shared_experts.", dim, shared * expert_hidden, false, "_shexp");
    }
  }

  void visit_attention(WeightVisitor& v, Layer& l, int64_t i, const std::string& hf) {
    if (q_rank > 0) {
      l.q_a.visit(v, blk(i, "attn_q_a"), hf + "q_a_proj", {q_rank, dim}, bias);
      v.vector(l.q_a_norm.weight, blk(i, "attn_q_a_norm.weight"), hf + "q_a_layernorm.weight", {q_rank});
      l.q_b.visit(v, blk(i, "attn_q_b"), hf + "q_b_proj", {heads * d, q_rank});
    } else {
      l.q.visit(v, blk(i, "attn_q"), hf + "q_proj", {heads * d, dim});
    }
    l.kv_a.visit(v, blk(i, "attn_kv_a_mqa"), hf + "kv_a_proj_with_mqa", {latent + rotated, dim}, bias);
    v.vector(l.kv_a_norm.weight, blk(i, "attn_kv_a_norm.weight"), hf + "kv_a_layernorm.weight", {latent});
    WeightSpec k{.hf_layout = head_part(heads, nope + v_dim, 0, nope, true),
                 .part = 0,
                 .parts = 2,
                 .transposed = true};
    WeightSpec w{
        .hf_layout = head_part(heads, nope + v_dim, nope, nope + v_dim, false), .part = 1, .parts = 2};
    if (fused_kv_b) k.gguf_layout = k.hf_layout, w.gguf_layout = w.hf_layout;
    v.matrix(l.k_b, blk(i, fused_kv_b ? "attn_kv_b.weight" : "attn_k_b.weight"), hf + "kv_b_proj.weight",
             {heads, latent, nope}, k);
    v.matrix(l.v_b, blk(i, fused_kv_b ? "attn_kv_b.weight" : "attn_v_b.weight"), hf + "kv_b_proj.weight",
             {heads, v_dim, latent}, w);
    l.o.visit(v, blk(i, "attn_output"), hf + "o_proj", {dim, heads * v_dim}, bias);
  }

  std::vector<Rope*> ropes() override { return {&rope}; }
  void ready(Device& device) override { rope.ready(device, rope_config, interleaved); }

  // One KV head of (latent, rotated part); the values are its first columns.
  std::vector<KvCache::Layer> cache_layers() const override {
    return std::vector<KvCache::Layer>(static_cast<size_t>(layers_count), {1, latent + rotated, 0});
  }

  // YaRN's factor goes to the softmax, squared, as far as mscale_all_dim says.
  AttentionOptions attention_options(int) const override {
    double s = 1 / std::sqrt(static_cast<double>(d));
    if (rope_config.type != "default" && rope_config.mscale_all_dim != 0 && rope_config.factor > 1) {
      const double m = 0.1 * rope_config.mscale_all_dim * std::log(rope_config.factor) + 1;
      s *= m * m;
    }
    return {.scale = static_cast<float>(s)};
  }

  Tensor attend(Context& cx, const Layer& l, int i, const Tensor& x, const Step& step) {
    const int64_t n = x.dim(0);
    const Tensor all = q_rank > 0 ? l.q_b(cx, l.q_a_norm(cx, l.q_a(cx, x))) : l.q(cx, x);
    const Tensor q = reshape(cx, all, {n, heads, d});
    std::vector<int32_t> head_of(static_cast<size_t>(n * heads));
    for (size_t k = 0; k < head_of.size(); ++k)
      head_of[k] = static_cast<int32_t>(k % static_cast<size_t>(heads));
    const Tensor ids = cx.from_host(head_of.data(), n * heads).reshape({n, heads});
    const Tensor absorbed = expert_linear(cx, contiguous(cx, slice(cx, q, 2, 0, nope)), l.k_b, ids);
    const Tensor query = concat(cx, absorbed, rope(cx, slice(cx, q, 2, nope, d), step));

    const Tensor kv = l.kv_a(cx, x);
    const Tensor c = reshape(cx, l.kv_a_norm(cx, slice(cx, kv, 1, 0, latent)), {n, 1, latent});
    const Tensor turned =
        rope(cx, reshape(cx, slice(cx, kv, 1, latent, latent + rotated), {n, 1, rotated}), step);
    const Tensor mixed =
        step.attend_latent(cx, i, query, concat(cx, c, turned), latent, attention_options(i));
    return l.o(cx, reshape(cx, expert_linear(cx, mixed, l.v_b, ids), {n, heads * v_dim}));
  }

  Tensor block(Context& cx, int i, const Tensor& x, const Step& step) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    const Tensor h = add(cx, x, attend(cx, l, i, l.attention_norm(cx, x), step));
    const Tensor y = l.mlp_norm(cx, h);
    if (is_dense(i)) return add(cx, h, l.dense(cx, y, act));
    const Tensor routed = add(cx, h, l.moe(cx, y, act));
    return shared > 0 ? add(cx, routed, l.shared(cx, y, act)) : routed;
  }
  Tensor final_norm(Context& cx, const Tensor& x) override { return norm(cx, x); }

  float eps = 1e-6f;
  int64_t q_rank = 0, latent = 0, nope = 0, rotated = 0,
          v_dim = 0;  // widths of the paper's c^Q, c^KV, q^C, q^R, v
  int64_t experts = 0, used = 0, expert_hidden = 0, shared = 0, dense_layers = 0;
  bool interleaved = true, bias = false, biased = true, fused_kv_b = false;
  RouteOptions route_options{.score = RouteScore::sigmoid};
  RopeConfig rope_config;
  Rope rope;
  RmsNorm norm;
  std::vector<Layer> layers;
};

}  // namespace
namespace tables {
extern const ModelInfo model_deepseek_v3;
const ModelInfo model_deepseek_v3{"deepseek_v3",
                                  "deepseek_v3",
                                  "DeepseekV3ForCausalLM",
                                  "deepseek2",
                                  nullptr,
                                  []() -> std::unique_ptr<Model> { return std::make_unique<DeepSeekV3>(); },
                                  "DeepSeek-AI 2024"};
}  // namespace tables
}  // namespace ridge
