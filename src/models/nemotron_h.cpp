#include "models/nemotron_h.h"

#include "base/error.h"
#include "base/json.h"
#include "files/gguf_metadata.h"
#include "ops/add/add.h"
#include "ops/expert_linear/expert_linear.h"
#include "ops/mix_experts/mix_experts.h"

namespace ridge {
namespace tables {
extern const ModelInfo model_nemotron_h;
extern const ModelInfo model_nemotron_h_moe;
}  // namespace tables

void NemotronH::config(ConfigKeys& keys) {
  read_vocab(keys, vocab);
  keys.integer(context, "max_position_embeddings", "context_length", 4096);
  keys.integer(dim, "hidden_size", "embedding_length", 4096);
  keys.integer(heads, "num_attention_heads", "attention.head_count", 32, 65536);
  if (!keys.is_gguf()) keys.integer(kv_heads, "num_key_value_heads", nullptr, 8, 65536);
  keys.integer(d, "head_dim", "attention.key_length", 128, 4096);
  if (keys.is_gguf() && !keys.is_reading()) keys.integer(d, nullptr, "attention.value_length");
  keys.real(eps, "layer_norm_epsilon", "attention.layer_norm_rms_epsilon", 1e-5);
  if (!keys.is_gguf()) keys.integer(hidden, "intermediate_size", nullptr, 21504);
  layer_kinds(keys);
  mixer_config(keys);
  expert_config(keys);
  bool first_bias = false;
  for (int64_t i = 0; i < layers_count; ++i)
    first_bias =
        first_bias || keys.has_tensor(blk(i, "ffn_up.bias")) || keys.has_tensor(blk(i, "ffn_up_shexp.bias"));
  keys.flag(mlp_bias, "mlp_bias", nullptr, first_bias);
  activation_key(keys, "mlp_hidden_act", "relu2");
  tying(keys, false);
  if (kv_heads == 0) kv_heads = heads;
  check_sizes(keys);
  if (!keys.is_reading()) return;
  if (!keys.is_gguf()) info = has(Kind::moe) ? &tables::model_nemotron_h_moe : &tables::model_nemotron_h;
  set_layers();
}

void NemotronH::mixer_config(ConfigKeys& keys) {
  int64_t inner = mixer.inner();
  keys.integer(mixer.heads, "mamba_num_heads", "ssm.time_step_rank", 128, 1 << 20);
  if (keys.is_gguf()) {
    keys.integer(inner, nullptr, "ssm.inner_size");
    if (keys.is_reading()) mixer.p = mixer.heads > 0 ? inner / mixer.heads : 0;
  } else {
    keys.integer(mixer.p, "mamba_head_dim", nullptr, 64, 65536);
    inner = mixer.inner();
  }
  keys.integer(mixer.n, "ssm_state_size", "ssm.state_size", 128, 65536);
  keys.integer(mixer.groups, "n_groups|mamba_n_groups", "ssm.group_count", keys.is_gguf() ? 1 : 8, 65536);
  conv_width(keys, mixer.width, "conv_kernel|mamba_d_conv", 4);
  bool in_bias = false, conv_bias = false;
  for (int64_t i = 0; i < layers_count; ++i) {
    in_bias = in_bias || keys.has_tensor(blk(i, "ssm_in.bias"));
    conv_bias = conv_bias || keys.has_tensor(blk(i, "ssm_conv1d.bias"));
  }
  keys.flag(mixer.in_bias, "use_bias", nullptr, in_bias);
  keys.flag(mixer.conv_bias, "use_conv_bias|mamba_conv_bias", nullptr, keys.json_in() || conv_bias);
  mixer.out_bias = mixer.in_bias;
  mixer.norm_groups = mixer.groups;
  mixer.norm.eps = eps;
  // The published model code has no upper limit and takes its lower one from here, whatever time_step_limit
  // says. GGUF has no key for it, and its readers no limit.
  keys.real(mixer.dt_min, "time_step_min|mamba_dt_min", "/ridge.time_step_min", keys.is_gguf() ? 0.0 : 0.001);
  keys.text(scan_act_name, "mamba_hidden_act", "/ridge.mamba_hidden_act", "silu");
  if (keys.is_reading()) scan_act = parse_activation(scan_act_name);
  mixer.check(keys);
  if (inner != mixer.inner() || !(mixer.dt_min >= 0))
    fail(Fault::file, "{}: {} heads for an inner width of {}, time steps from {}", keys.what(), mixer.heads,
         inner, mixer.dt_min);
}

void NemotronH::layer_kinds(ConfigKeys& keys) {
  keys.is_gguf() ? kinds_of_gguf(keys) : kinds_of_json(keys);
  if (layers_count < 0 || layers_count > 4096) fail(Fault::file, "{}: {} layers", keys.what(), layers_count);
}

void NemotronH::kinds_of_json(ConfigKeys& keys) {
  static const std::pair<const char*, Kind> names[] = {{"linear_attention", Kind::mamba},
                                                       {"full_attention", Kind::attention},
                                                       {"mlp", Kind::mlp},
                                                       {"moe", Kind::moe},
                                                       {"mamba", Kind::mamba},
                                                       {"attention", Kind::attention},
                                                       {"M", Kind::mamba},
                                                       {"*", Kind::attention},
                                                       {"-", Kind::mlp},
                                                       {"E", Kind::moe}};
  std::vector<std::string> list;
  if (!keys.is_reading())
    for (const Kind k : kinds)
      for (const auto& [name, kind] : std::span(names, 4))
        if (k == kind) list.emplace_back(name);
  keys.texts(list, "layers_block_type|layer_types");
  if (!keys.is_reading()) return keys.integer(layers_count, "num_hidden_layers", nullptr);
  std::string pattern;
  keys.text(pattern, "hybrid_override_pattern", nullptr, "");
  if (list.empty())
    for (const char c : pattern) list.emplace_back(1, c);
  if (list.empty()) list = {"linear_attention", "moe", "full_attention", "mlp"};
  kinds.clear();
  for (const std::string& word : list) {
    const auto* found =
        std::find_if(std::begin(names), std::end(names), [&](const auto& n) { return word == n.first; });
    if (found == std::end(names))
      fail(Fault::file, "{}: a layer of type \"{}\" is not supported", keys.what(), printable(word));
    kinds.push_back(found->second);
  }
  layers_count = static_cast<int64_t>(kinds.size());
}

// A layer with KV heads attends, one with a feed forward length has experts or not, all others scan.
void NemotronH::kinds_of_gguf(ConfigKeys& keys) {
  keys.integer(layers_count, nullptr, "block_count", {}, 4096);
  std::vector<bool> attending;
  std::vector<int64_t> widths;
  for (const Kind k : kinds) {
    attending.push_back(k == Kind::attention);
    widths.push_back(k == Kind::mlp ? hidden : k == Kind::moe ? expert_hidden : 0);
  }
  attending_layers(keys, attending);
  keys.integers(widths, nullptr, "feed_forward_length");
  if (!keys.is_reading()) return;
  if (static_cast<int64_t>(widths.size()) != layers_count)
    fail(Fault::file, "{}: {} feed forward lengths for {} layers", keys.what(), widths.size(), layers_count);
  kinds.assign(static_cast<size_t>(layers_count), Kind::mamba);
  for (size_t i = 0; i < kinds.size(); ++i) {
    if (attending[i]) {
      kinds[i] = Kind::attention;
    } else if (widths[i] != 0) {
      kinds[i] = keys.has_tensor(blk(static_cast<int64_t>(i), "ffn_gate_inp.weight")) ? Kind::moe : Kind::mlp;
      if (kinds[i] == Kind::mlp) hidden = widths[i];
    }
  }
}

void NemotronH::expert_config(ConfigKeys& keys) {
  if (!has(Kind::moe)) return;
  int64_t groups = route_options.groups, top_groups = route_options.top_groups, shared = 1;
  expert_counts(keys, experts, used, "n_routed_experts|num_local_experts", keys.is_gguf() ? 0 : 8, 2);
  keys.integer(expert_hidden, "moe_intermediate_size", "expert_feed_forward_length", 7688);
  keys.integer(shared_hidden, "moe_shared_expert_intermediate_size", "expert_shared_feed_forward_length",
               7688);
  if (keys.is_gguf()) keys.integer(shared, nullptr, "expert_shared_count", 1);
  keys.integer(groups, "n_group", "expert_group_count", 1, 65536);
  keys.integer(top_groups, "topk_group", "expert_group_used_count", 1, 65536);
  keys.flag(route_options.normalize, "norm_topk_prob", "expert_weights_norm", true);
  keys.real(route_options.scale, "routed_scaling_factor", "expert_weights_scale", 1.0);
  if (keys.is_reading() || !keys.is_gguf() || latent > 0)
    keys.integer(latent, "moe_latent_size", "moe_latent_size", 0);
  if (Json* j = keys.json_out(); j && latent == 0) (*j)["moe_latent_size"] = nullptr;
  if (experts < 1 || expert_hidden < 1 || shared_hidden < 1 || groups < 1 || top_groups < 1 ||
      experts % groups != 0 || top_groups > groups || used > experts / groups * top_groups)
    fail(Fault::file, "{}: {} of {} experts in {} of {} groups, of widths {} and {}", keys.what(), used,
         experts, top_groups, groups, expert_hidden, shared_hidden);
  route_options.groups = static_cast<int>(groups), route_options.top_groups = static_cast<int>(top_groups);
  route_options.top_k = static_cast<int>(used);
  route_options.score = RouteScore::sigmoid;
}

bool NemotronH::has(Kind kind) const { return std::find(kinds.begin(), kinds.end(), kind) != kinds.end(); }

void NemotronH::set_layers() {
  norm.eps = eps;
  mixer.conv.act = scan_act;
  layers.assign(static_cast<size_t>(layers_count), {});
  int entry = 0;
  for (size_t i = 0; i < layers.size(); ++i) {
    Layer& l = layers[i];
    l.kind = kinds[i];
    l.norm.eps = eps;
    l.mixer = mixer;
    l.attention.heads = heads, l.attention.kv_heads = kv_heads, l.attention.d = d;
    l.entry = entry;
    if (l.kind == Kind::mamba) entry += 2;
  }
}

void NemotronH::visit(WeightVisitor& v) {
  v.table(embed, "token_embd.weight", "backbone.embeddings.weight", {vocab, dim});
  v.vector(norm.weight, "output_norm.weight", "backbone.norm_f.weight", {dim});
  if (!tied) v.matrix(head.weight, "output.weight", "lm_head.weight", {vocab, dim});
  for (int64_t i = 0; i < layers_count; ++i) {
    Layer& l = layers[static_cast<size_t>(i)];
    const std::string block = "backbone.layers." + std::to_string(i) + ".", hf = block + "mixer.";
    v.vector(l.norm.weight, blk(i, "attn_norm.weight"), block + "norm.weight", {dim});
    switch (l.kind) {
      case Kind::mamba:
        l.mixer.visit(v, i, hf, dim);
        break;
      case Kind::attention:
        l.attention.q.visit(v, blk(i, "attn_q"), hf + "q_proj", {heads * d, dim});
        l.attention.k.visit(v, blk(i, "attn_k"), hf + "k_proj", {kv_heads * d, dim});
        l.attention.v.visit(v, blk(i, "attn_v"), hf + "v_proj", {kv_heads * d, dim});
        l.attention.o.visit(v, blk(i, "attn_output"), hf + "o_proj", {dim, heads * d});
        break;
      case Kind::mlp:
        l.mlp.up.visit(v, blk(i, "ffn_up"), hf + "up_proj", {hidden, dim}, mlp_bias);
        l.mlp.down.visit(v, blk(i, "ffn_down"), hf + "down_proj", {dim, hidden}, mlp_bias);
        break;
      case Kind::moe:
        visit_experts(v, i, hf);
        break;
    }
  }
}

void NemotronH::visit_experts(WeightVisitor& v, int64_t i, const std::string& hf) {
  Layer& l = layers[static_cast<size_t>(i)];
  const int64_t in = latent > 0 ? latent : dim;
  const auto stacked = [&](Tensor& t, const char* gguf, const char* name, const Shape& shape) {
    WeightSpec spec;
    for (int64_t e = 0; e < experts; ++e)
      spec.hf.push_back(hf + "experts." + std::to_string(e) + "." + name + ".weight");
    v.matrix(t, blk(i, gguf), "", shape, std::move(spec));
  };
  v.matrix(l.router, blk(i, "ffn_gate_inp.weight"), hf + "gate.weight", {experts, dim});
  v.vector(l.selection_bias, blk(i, "exp_probs_b.bias"), hf + "gate.e_score_correction_bias", {experts});
  stacked(l.up, "ffn_up_exps.weight", "up_proj", {experts, expert_hidden, in});
  stacked(l.down, "ffn_down_exps.weight", "down_proj", {experts, in, expert_hidden});
  l.mlp.up.visit(v, blk(i, "ffn_up_shexp"), hf + "shared_experts.up_proj", {shared_hidden, dim}, mlp_bias);
  l.mlp.down.visit(v, blk(i, "ffn_down_shexp"), hf + "shared_experts.down_proj", {dim, shared_hidden},
                   mlp_bias);
  if (latent == 0) return;
  l.to_latent.visit(v, blk(i, "ffn_latent_down"), hf + "fc1_latent_proj", {latent, dim}, mlp_bias);
  l.from_latent.visit(v, blk(i, "ffn_latent_up"), hf + "fc2_latent_proj", {dim, latent}, mlp_bias);
}

void NemotronH::ready(Device& device) {
  for (Layer& l : layers)
    if (l.kind == Kind::mamba) l.mixer.ready(device);
}

std::vector<RecurrentState::Entry> NemotronH::recurrent_entries() const {
  std::vector<RecurrentState::Entry> entries;
  for (const Layer& l : layers)
    if (l.kind == Kind::mamba) l.mixer.add_state(entries);
  return entries;
}

Tensor NemotronH::block(Context& cx, int i, const Tensor& x, const Step& step) {
  const Layer& l = layers[static_cast<size_t>(i)];
  const Tensor in = l.norm(cx, x);
  switch (l.kind) {
    case Kind::mamba:
      return add(cx, x, l.mixer(cx, in, step, l.entry));
    case Kind::attention:
      return add(cx, x, l.attention(cx, in, step, i, nullptr, attention_options(i)));
    case Kind::mlp:
      return add(cx, x, l.mlp(cx, in, act));
    case Kind::moe:
      break;
  }
  return add(cx, x, experts_of(cx, l, in));
}

Tensor NemotronH::experts_of(Context& cx, const Layer& l, const Tensor& x) const {
  RouteOptions options = route_options;
  options.selection_bias = l.selection_bias;
  const Routing chosen = route(cx, linear(cx, x, l.router), options);
  const Tensor in = latent > 0 ? l.to_latent(cx, x) : x;
  const Tensor h = activation(cx, expert_linear(cx, in, l.up, chosen.ids), act);
  Tensor y = mix_experts(cx, expert_linear(cx, h, l.down, chosen.ids), chosen.weights);
  if (latent > 0) y = l.from_latent(cx, y);
  return add(cx, y, l.mlp(cx, x, act));
}

namespace tables {
const ModelInfo model_nemotron_h{
    "nemotron_h", "nemotron_h", "NemotronHForCausalLM",
    "nemotron_h", nullptr,      []() -> std::unique_ptr<Model> { return std::make_unique<NemotronH>(); },
    "NVIDIA 2025"};
}  // namespace tables
}  // namespace ridge
