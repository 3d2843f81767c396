// Zamba2 (Glorioso et al. 2024): Mamba-2 layers, before some of which one of a few shared transformer blocks
// looks at the stream and at the embeddings beside it. Each use of a shared block has low-rank adapters of
// its own.
#include <cmath>

#include "base/error.h"
#include "models/registry.h"
#include "nn/ssm.h"
#include "ops/add/add.h"
#include "ops/concat/concat.h"
#include "ops/view/view.h"

namespace ridge {
namespace {

// y + up(down(x))
struct Adapter {
  Linear down, up;
  Tensor operator()(Context& cx, const Tensor& y, const Tensor& x) const {
    return down.weight ? add(cx, y, up(cx, down(cx, x))) : y;
  }
  void visit(WeightVisitor& v, const std::string& hf, int64_t in, int64_t rank, int64_t out,
             const WeightSpec& more) {
    down.visit(v, "", hf + ".0", {rank, in}, false, more);
    up.visit(v, "", hf + ".1", {out, rank}, false, more);
  }
};

class Zamba2 final : public HybridTransformer {
  struct Shared {
    RmsNorm norm, mlp_norm;
    Linear q, k, v, o, gate_up, down;
  };
  struct Adapters {
    Adapter q, k, v, gate_up;
  };
  struct Layer {
    RmsNorm norm;
    Mamba2Mixer mixer;
    // Of a hybrid layer: which of them it is, and what is its own.
    int hybrid = -1;
    Linear linear;
    Adapters adapters;
    // Checkpoints that do not tie the embeddings do not share blocks either: later uses have their own.
    Shared own;
    std::vector<Adapters> own_adapters;  // by use; only that of this layer is used
  };

  void config(ConfigKeys& keys) override {
    read_vocab(keys, vocab);
    keys.integer(context, "max_position_embeddings", nullptr, 4096);
    keys.integer(dim, "hidden_size", nullptr, 2560);
    keys.integer(hidden, "intermediate_size", nullptr, 4 * dim);
    if (hidden == 0) hidden = 4 * dim;
    keys.integer(heads, "num_attention_heads", nullptr, 32, 65536);
    keys.integer(kv_heads, "num_key_value_heads", nullptr, heads, 65536);
    if (kv_heads == 0) kv_heads = heads;
    d = heads > 0 ? 2 * dim / heads : 0;
    keys.real(eps, "rms_norm_eps", nullptr, 1e-5);
    layer_kinds(keys);
    mixer_config(keys);
    keys.integer(blocks, "num_mem_blocks", nullptr, 1, 4096);
    keys.integer(adapter_rank, "adapter_rank", nullptr, 128);
    keys.flag(attention_adapters, "use_shared_attention_adapter", nullptr, false);
    keys.flag(turns, "use_mem_rope", nullptr, false);
    bool extended = false;
    if (keys.json_in()) keys.flag(extended, "use_long_context", nullptr, false);
    if (extended) context = 16384;
    activation_key(keys, "hidden_act", "gelu");
    tying(keys, true);
    check_sizes(keys);
    if (blocks < 1 || adapter_rank < 1)
      fail(Fault::file, "{}: {} shared blocks with adapters of rank {}", keys.what(), blocks, adapter_rank);
    rope_config.config(keys, d, context);
    if (keys.is_reading()) set_layers();
  }

  void layer_kinds(ConfigKeys& keys) {
    if (keys.is_reading()) {
      kinds.clear();
      keys.texts(kinds, "layers_block_type|layer_types");
      if (kinds.empty()) kinds = published_kinds();
      layers_count = static_cast<int64_t>(kinds.size());
      if (layers_count > 4096) fail(Fault::file, "{}: {} layers", keys.what(), layers_count);
      for (std::string& kind : kinds) {
        if (kind == "mamba") kind = "linear_attention";
        if (kind != "linear_attention" && kind != "hybrid")
          fail(Fault::file, "{}: a layer of type \"{}\" is not supported", keys.what(), printable(kind));
      }
    } else {
      keys.texts(kinds, "layers_block_type");
      keys.integer(layers_count, "num_hidden_layers", nullptr);
    }
  }
  // Of a configuration that names none.
  static std::vector<std::string> published_kinds() {
    std::vector<std::string> kinds(54, "linear_attention");
    for (const size_t i : {6, 12, 18, 24, 30, 36, 42, 47, 51}) kinds[i] = "hybrid";
    return kinds;
  }

  void mixer_config(ConfigKeys& keys) {
    int64_t expand = dim > 0 ? mixer.inner() / dim : 0;
    keys.integer(expand, "mamba_expand", nullptr, 2, 65536);
    keys.integer(mixer.heads, "n_mamba_heads", nullptr, 8, 1 << 20);
    mixer.p = mixer.heads > 0 ? expand * dim / mixer.heads : 0;
    keys.integer(mixer.groups, "mamba_ngroups", nullptr, 1, 65536);
    keys.integer(mixer.n, "mamba_d_state", nullptr, 64, 65536);
    conv_width(keys, mixer.width, "mamba_d_conv", 4);
    keys.flag(bias, "add_bias_linear", nullptr, false);
    keys.real(mixer.dt_min, "time_step_min", nullptr, 0.001);
    mixer.in_bias = mixer.out_bias = bias;
    mixer.norm_groups = mixer.groups;
    mixer.norm.eps = 1e-5f;  // whatever rms_norm_eps says: so in the published model code
    mixer.check(keys);
    if (mixer.inner() != expand * dim || !(mixer.dt_min >= 0))
      fail(Fault::file, "{}: {} heads for an inner width of {}, time steps from {}", keys.what(), mixer.heads,
           expand * dim, mixer.dt_min);
  }

  void set_layers() {
    norm.eps = eps;
    layers.assign(static_cast<size_t>(layers_count), {});
    hybrids.clear();
    for (int64_t i = 0; i < layers_count; ++i) {
      Layer& l = layers[static_cast<size_t>(i)];
      l.norm.eps = eps;
      l.mixer = mixer;
      if (kinds[static_cast<size_t>(i)] != "hybrid") continue;
      l.hybrid = static_cast<int>(hybrids.size());
      hybrids.push_back(i);
    }
    shared.assign(std::min(static_cast<size_t>(blocks), hybrids.size()), {});
    for (Shared& s : shared) s.norm.eps = s.mlp_norm.eps = eps;
    for (Layer& l : layers) l.own.norm.eps = l.own.mlp_norm.eps = eps;
  }

  void visit(WeightVisitor& v) override {
    v.table(embed, "", "model.embed_tokens.weight", {vocab, dim});
    v.vector(norm.weight, "", "model.final_layernorm.weight", {dim});
    if (!tied) v.matrix(head.weight, "", "lm_head.weight", {vocab, dim});
    for (int64_t i = 0; i < layers_count; ++i) {
      Layer& l = layers[static_cast<size_t>(i)];
      const std::string layer = "model.layers." + std::to_string(i) + ".";
      const std::string mamba = l.hybrid < 0 ? layer : layer + "mamba_decoder.";
      v.vector(l.norm.weight, "", mamba + "input_layernorm.weight", {dim});
      l.mixer.visit(v, i, mamba + "mamba.", dim);
      if (l.hybrid < 0) continue;
      l.linear.visit(v, "", layer + "linear", {dim, dim});
      const auto use = static_cast<size_t>(l.hybrid), block = use % shared.size();
      const std::string first = "model.layers." + std::to_string(hybrids[block]) + ".";
      if (use == block) visit_shared(v, shared[block], layer, {});
      visit_adapters(v, l.adapters, first, use, {});
      if (use == block) continue;
      visit_shared(v, l.own, layer, {.optional = true});
      l.own_adapters.resize(hybrids.size());
      for (size_t u = block; u < hybrids.size(); u += shared.size())
        visit_adapters(v, l.own_adapters[u], layer, u, {.optional = true});
    }
  }

  // A shared block's weights have the names of the layer that uses it first.
  void visit_shared(WeightVisitor& v, Shared& s, const std::string& layer, const WeightSpec& more) {
    const std::string hf = layer + "shared_transformer.";
    v.vector(s.norm.weight, "", hf + "input_layernorm.weight", {2 * dim}, more);
    s.q.visit(v, "", hf + "self_attn.q_proj", {heads * d, 2 * dim}, false, more);
    s.k.visit(v, "", hf + "self_attn.k_proj", {kv_heads * d, 2 * dim}, false, more);
    s.v.visit(v, "", hf + "self_attn.v_proj", {kv_heads * d, 2 * dim}, false, more);
    s.o.visit(v, "", hf + "self_attn.o_proj", {dim, heads * d}, false, more);
    v.vector(s.mlp_norm.weight, "", hf + "pre_ff_layernorm.weight", {dim}, more);
    s.gate_up.visit(v, "", hf + "feed_forward.gate_up_proj", {2 * hidden, dim}, bias, more);
    s.down.visit(v, "", hf + "feed_forward.down_proj", {dim, hidden}, bias, more);
  }
  void visit_adapters(WeightVisitor& v, Adapters& a, const std::string& layer, size_t use,
                      const WeightSpec& more) {
    const std::string hf = layer + "shared_transformer.", list = "_adapter_list." + std::to_string(use);
    a.gate_up.visit(v, hf + "feed_forward.gate_up_proj" + list, dim, adapter_rank, 2 * hidden, more);
    if (!attention_adapters) return;
    const std::string attention = hf + "self_attn.linear_";
    a.q.visit(v, attention + "q" + list, 2 * dim, adapter_rank, heads * d, more);
    a.k.visit(v, attention + "k" + list, 2 * dim, adapter_rank, kv_heads * d, more);
    a.v.visit(v, attention + "v" + list, 2 * dim, adapter_rank, kv_heads * d, more);
  }

  void ready(Device& device) override {
    rope.ready(device, rope_config, false);
    for (Layer& l : layers) l.mixer.ready(device);
  }
  std::vector<Rope*> ropes() override { return turns ? std::vector<Rope*>{&rope} : std::vector<Rope*>{}; }
  bool attends(int64_t i) const override { return layers[static_cast<size_t>(i)].hybrid >= 0; }
  std::vector<RecurrentState::Entry> recurrent_entries() const override {
    std::vector<RecurrentState::Entry> entries;
    for (const Layer& l : layers) l.mixer.add_state(entries);
    return entries;
  }

  Tensor run_hidden(Context& cx, const Batch& batch, State* state) override {
    const Step step(cx, batch, state);
    const Tensor first = step.with_embeddings(cx, embed_tokens(cx, step));
    Tensor x = first;
    for (int i = 0; i < static_cast<int>(layers_count); ++i) {
      const Context::Scope scope(cx, "layers", i);
      const Layer& l = layers[static_cast<size_t>(i)];
      const Tensor in =
          l.hybrid < 0 ? x : add(cx, x, l.linear(cx, transform(cx, i, concat_rows(cx, x, first), step)));
      x = add(cx, x, l.mixer(cx, l.norm(cx, in), step, 2 * i));
    }
    return norm(cx, step.wanted(cx, x));
  }
  Tensor block(Context&, int, const Tensor& x, const Step&) override { return x; }  // see run_hidden
  Tensor final_norm(Context& cx, const Tensor& x) override { return norm(cx, x); }

  static Tensor concat_rows(Context& cx, const Tensor& a, const Tensor& b) {
    const auto one = [&](const Tensor& t) { return reshape(cx, t, {t.dim(0), 1, t.dim(1)}); };
    return reshape(cx, concat(cx, one(a), one(b)), {a.dim(0), a.dim(1) + b.dim(1)});
  }

  // The shared block of hybrid layer i: x f32 [tokens, 2 dim] to [tokens, dim], without residuals.
  Tensor transform(Context& cx, int i, const Tensor& both, const Step& step) {
    const Layer& l = layers[static_cast<size_t>(i)];
    const bool own = static_cast<bool>(l.own.q.weight);
    const Shared& s = own ? l.own : shared[static_cast<size_t>(l.hybrid) % shared.size()];
    const Adapters& a = own ? l.own_adapters[static_cast<size_t>(l.hybrid)] : l.adapters;
    const int64_t n = both.dim(0);
    const Tensor x = s.norm(cx, both);
    Tensor q = reshape(cx, a.q(cx, s.q(cx, x), x), {n, heads, d});
    Tensor k = reshape(cx, a.k(cx, s.k(cx, x), x), {n, kv_heads, d});
    const Tensor v = reshape(cx, a.v(cx, s.v(cx, x), x), {n, kv_heads, d});
    if (turns) q = rope(cx, q, step), k = rope(cx, k, step);
    const AttentionOptions options{.scale = 1 / std::sqrt(static_cast<float>(d) / 2)};
    const Tensor mixed = s.o(cx, reshape(cx, step.attend(cx, i, q, k, v, options), {n, heads * d}));
    const Tensor y = s.mlp_norm(cx, mixed);
    const Tensor up = a.gate_up(cx, s.gate_up(cx, y), y);
    return s.down(cx, gated(cx, slice(cx, up, 1, 0, hidden), slice(cx, up, 1, hidden, 2 * hidden), act));
  }

  float eps = 1e-5f;
  int64_t blocks = 1, adapter_rank = 128;
  bool bias = false, attention_adapters = false, turns = false;
  std::vector<std::string> kinds;
  std::vector<int64_t> hybrids;  // layers
  Mamba2Mixer mixer;             // its sizes and options; without weights
  RopeConfig rope_config;
  Rope rope;
  RmsNorm norm;
  std::vector<Shared> shared;
  std::vector<Layer> layers;
};

}  // namespace
namespace tables {
extern const ModelInfo model_zamba2;
const ModelInfo model_zamba2{"zamba2",
                             "zamba2",
                             "Zamba2ForCausalLM",
                             nullptr,
                             nullptr,
                             []() -> std::unique_ptr<Model> { return std::make_unique<Zamba2>(); },
                             "Glorioso et al. 2024"};
}  // namespace tables
}  // namespace ridge
