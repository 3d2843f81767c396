// Qwen3-Next (Qwen Team 2025): three layers of gated delta net (Yang et al. 2025) to one of gated attention,
// each before a mixture of experts beside a shared one; norms whose weights are stored less 1.
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/json.h"
#include "device/device.h"
#include "models/registry.h"
#include "nn/moe.h"
#include "nn/ssm.h"
#include "ops/add/add.h"
#include "ops/gated_delta_rule/gated_delta_rule.h"
#include "ops/l2_norm/l2_norm.h"
#include "ops/log_decay/log_decay.h"
#include "ops/multiply/multiply.h"
#include "ops/view/view.h"

namespace ridge {
namespace {

// Rows of Hugging Face's fused projection lie key head by key head: q, k, and v and z of the value heads that
// it serves. Here q of all heads, then k, then v are one weight (part 0), and z another (part 1). `widths`
// are the rows a head of each piece that the part has, from row `first` of the head on, out of `rows`.
Relayout grouped(int64_t heads, int64_t rows, int64_t first, std::vector<int64_t> widths) {
  int64_t own = 0;
  for (const int64_t w : widths) own += w;
  // Copies each piece of each head between a tensor by heads and one by pieces.
  const auto move = [=](const Tensor& by_head, int64_t head_rows, int64_t skip, const Tensor& by_piece,
                        bool gather) {
    const int64_t bytes = by_head.dtype().bytes_of(by_head.dim(-1));
    int64_t at = 0, offset = skip;
    for (const int64_t w : widths) {
      for (int64_t h = 0; h < heads; ++h) {
        char* a = static_cast<char*>(by_head.data()) + (h * head_rows + offset) * bytes;
        char* b = static_cast<char*>(by_piece.data()) + (at + h * w) * bytes;
        std::memcpy(gather ? b : a, gather ? a : b, static_cast<size_t>(w * bytes));
      }
      at += heads * w, offset += w;
    }
  };
  Relayout r;
  r.from_file = [=](const Tensor& file) {
    if (file.dim(0) != heads * rows)
      fail(Fault::file, "a weight {} is not {} heads of {} rows", file.text(), heads, rows);
    const Tensor out = cpu_device().make(file.dtype(), {heads * own, file.dim(1)});
    move(file, rows, first, out, true);
    return out;
  };
  r.to_file = [=](const Tensor& t) {
    const Tensor out = cpu_device().make(t.dtype(), {heads, own, t.dim(-1)});
    move(out, own, 0, t, false);
    return out;
  };
  return r;
}

class Qwen3Next final : public HybridTransformer {
  struct Layer {
    RmsNorm norm, mlp_norm;
    // Attention
    Linear q, k, v, o;  // q holds a query and a gate a head
    RmsNorm q_norm, k_norm;
    // Gated delta net
    Linear qkv, z, ba, out;
    ShortConv conv;
    Tensor a_log, dt_bias, rate;  // rate: e^a_log
    RmsNorm value_norm;
    int entry = 0;  // of the recurrent state
    GatedMlp mlp, shared;
    MoeMlp moe;
    Tensor shared_gate;  // f32 [1, dim]
  };

  void config(ConfigKeys& keys) override {
    read_vocab(keys, vocab);
    keys.integer(context, "max_position_embeddings", "context_length", 32768);
    keys.integer(dim, "hidden_size", "embedding_length", 2048);
    keys.integer(layers_count, "num_hidden_layers", "block_count", 48, 4096);
    keys.integer(hidden, "intermediate_size", "feed_forward_length", 5632);
    keys.integer(heads, "num_attention_heads", "attention.head_count", 16, 65536);
    keys.integer(kv_heads, "num_key_value_heads", "attention.head_count_kv", 2, 65536);
    keys.integer(d, "head_dim", "attention.key_length", 256, 4096);
    if (keys.is_gguf()) keys.integer(d, nullptr, "attention.value_length", d, 4096);
    keys.real(eps, "rms_norm_eps", "attention.layer_norm_rms_epsilon", 1e-6);
    check_sizes(keys);
    tying(keys, false);
    activation_key(keys, "hidden_act", "silu");
    keys.flag(bias, "attention_bias", nullptr, keys.has_tensor(blk(layers_count - 1, "attn_q.bias")));
    if (keys.is_reading()) rope_config.partial = 0.25;
    rope_config.config(keys, d, context);
    linear_config(keys);
    attending_config(keys);
    expert_config(keys);
    if (!keys.is_reading()) return;
    layers.assign(static_cast<size_t>(layers_count), {});
    norm.eps = eps;
    int entry = 0;
    for (int64_t i = 0; i < layers_count; ++i) {
      Layer& l = layers[static_cast<size_t>(i)];
      l.norm.eps = l.mlp_norm.eps = l.q_norm.eps = l.k_norm.eps = l.value_norm.eps = eps;
      l.moe.options = {.top_k = static_cast<int>(used), .normalize = normalize};
      l.conv.act = act;
      l.entry = entry;
      if (!attends(i)) entry += 2;
    }
  }

  void linear_config(ConfigKeys& keys) {
    keys.integer(conv_size, "linear_conv_kernel_dim", "ssm.conv_kernel", 4, kMaxConvWidth);
    keys.integer(key_heads, "linear_num_key_heads", "ssm.group_count", 16, 65536);
    keys.integer(value_heads, "linear_num_value_heads", "ssm.time_step_rank", 32, 65536);
    keys.integer(dk, "linear_key_head_dim", "ssm.state_size", 128, 65536);
    int64_t inner = value_heads * dv;
    if (!keys.is_gguf())
      keys.integer(dv, "linear_value_head_dim", nullptr, 128, 65536);
    else
      keys.integer(inner, nullptr, "ssm.inner_size");
    if (keys.is_gguf() && keys.is_reading()) dv = value_heads > 0 ? inner / value_heads : 0;
    if (conv_size < 1 || key_heads < 1 || value_heads < 1 || value_heads % key_heads != 0 || dk < 1 ||
        dv < 1 || (keys.is_gguf() && inner != value_heads * dv))
      fail(Fault::file,
           "{}: {} key heads of width {} and {} value heads of width {} after convolutions of width {} do "
           "not make "
           "a gated delta net",
           keys.what(), key_heads, dk, value_heads, dv, conv_size);
  }

  // layer_types, or every full_attention_interval-th layer attends.
  void attending_config(ConfigKeys& keys) {
    int64_t interval = 4;
    if (!keys.is_reading()) {
      if (Json* j = keys.json_out()) {
        Json& types = (*j)["layer_types"] = Json::array();
        for (const bool a : attending) types.push_back(a ? "full_attention" : "linear_attention");
      } else {
        for (int64_t n = 1; n <= layers_count; ++n)
          if (attending == every(n)) interval = n;
        keys.integer(interval, nullptr, "full_attention_interval");
      }
      return;
    }
    keys.integer(interval, "full_attention_interval", "full_attention_interval", 4);
    if (interval < 1) fail(Fault::file, "{}: a full_attention_interval of {}", keys.what(), interval);
    attending = every(interval);
    std::vector<std::string> types;
    if (keys.json_in()) keys.texts(types, "layer_types");
    if (!types.empty() && static_cast<int64_t>(types.size()) < layers_count)
      fail(Fault::file, "{}: {} layer_types for {} layers", keys.what(), types.size(), layers_count);
    for (int64_t i = 0; i < layers_count; ++i) {
      const auto at = static_cast<size_t>(i);
      if (keys.has_tensor(blk(i, "attn_q.weight"))) attending[at] = true;
      if (keys.has_tensor(blk(i, "attn_qkv.weight"))) attending[at] = false;
      if (types.empty()) continue;
      attending[at] = types[at] == "full_attention";
      if (!attending[at] && types[at] != "linear_attention")
        fail(Fault::file, "{}: a layer of type \"{}\" is not supported", keys.what(), printable(types[at]));
    }
  }
  std::vector<bool> every(int64_t interval) const {
    std::vector<bool> a(static_cast<size_t>(layers_count));
    for (int64_t i = interval - 1; i < layers_count; i += interval) a[static_cast<size_t>(i)] = true;
    return a;
  }

  void expert_config(ConfigKeys& keys) {
    expert_counts(keys, experts, used, "num_experts", keys.is_gguf() ? 0 : 512, 10);
    keys.integer(expert_hidden, "moe_intermediate_size", "expert_feed_forward_length", 512);
    keys.integer(shared_hidden, "shared_expert_intermediate_size", "expert_shared_feed_forward_length", 512);
    keys.flag(normalize, "norm_topk_prob", "expert_weights_norm", true);
    int64_t step = 1;
    keys.integer(step, "decoder_sparse_step", nullptr, 1);
    std::vector<int64_t> plain;
    if (!keys.is_reading()) {
      for (size_t i = 0; i < dense.size(); ++i)
        if (dense[i]) plain.push_back(static_cast<int64_t>(i));
      if (Json* j = keys.json_out()) (*j)["mlp_only_layers"] = plain;
      return;
    }
    if (step < 1) fail(Fault::file, "{}: a decoder_sparse_step of {}", keys.what(), step);
    keys.integers(plain, "mlp_only_layers", nullptr);
    dense.assign(static_cast<size_t>(layers_count), experts == 0);
    for (int64_t i = 0; i < layers_count; ++i)
      if ((i + 1) % step != 0 || keys.has_tensor(blk(i, "ffn_gate.weight")))
        dense[static_cast<size_t>(i)] = true;
    for (const int64_t i : plain)
      if (i >= 0 && i < layers_count) dense[static_cast<size_t>(i)] = true;
  }

  void visit(WeightVisitor& v) override {
    v.table(embed, "token_embd.weight", "model.embed_tokens.weight", {vocab, dim});
    visit_norm(v, norm, "output_norm", "model.norm", dim);
    if (!tied) v.matrix(head.weight, "output.weight", "lm_head.weight", {vocab, dim});
    rope.visit(v, rope_config);
    for (int64_t i = 0; i < layers_count; ++i) {
      Layer& l = layers[static_cast<size_t>(i)];
      const std::string hf = "model.layers." + std::to_string(i) + ".";
      visit_norm(v, l.norm, blk(i, "attn_norm"), hf + "input_layernorm", dim);
      if (attends(i))
        visit_attention(v, l, i, hf + "self_attn.");
      else
        visit_delta(v, l, i, hf + "linear_attn.");
      visit_norm(v, l.mlp_norm, blk(i, "post_attention_norm"), hf + "post_attention_layernorm", dim);
      if (dense[static_cast<size_t>(i)]) {
        l.mlp.visit(v, i, hf + "mlp.", dim, hidden);
        continue;
      }
      l.moe.visit(v, i, hf + "mlp.", experts, dim, expert_hidden);
      l.shared.visit(v, i, hf + "mlp.shared_expert.", dim, shared_hidden, false, "_shexp");
      v.vector(l.shared_gate, blk(i, "ffn_gate_inp_shexp.weight"), hf + "mlp.shared_expert_gate.weight",
               {1, dim});
    }
  }

  static void visit_norm(WeightVisitor& v, RmsNorm& n, const std::string& gguf, const std::string& name,
                         int64_t width) {
    v.vector(n.weight, gguf + ".weight", name + ".weight", {width}, {.hf_layout = plus_one()});
  }

  void visit_attention(WeightVisitor& v, Layer& l, int64_t i, const std::string& hf) const {
    l.q.visit(v, blk(i, "attn_q"), hf + "q_proj", {2 * heads * d, dim}, bias);
    l.k.visit(v, blk(i, "attn_k"), hf + "k_proj", {kv_heads * d, dim}, bias);
    l.v.visit(v, blk(i, "attn_v"), hf + "v_proj", {kv_heads * d, dim}, bias);
    l.o.visit(v, blk(i, "attn_output"), hf + "o_proj", {dim, heads * d}, bias);
    visit_norm(v, l.q_norm, blk(i, "attn_q_norm"), hf + "q_norm", d);
    visit_norm(v, l.k_norm, blk(i, "attn_k_norm"), hf + "k_norm", d);
  }

  void visit_delta(WeightVisitor& v, Layer& l, int64_t i, const std::string& hf) const {
    const int64_t served = value_heads / key_heads * dv, rows = 2 * dk + 2 * served;
    // Joined by heads on the way back, so they count their rows by heads; in memory and in GGUF they are
    // matrices.
    const auto part = [&](Linear& to, const char* gguf, int which, int64_t first,
                          std::vector<int64_t> widths) {
      int64_t own = 0;
      for (const int64_t w : widths) own += w;
      v.matrix(to.weight, blk(i, gguf), hf + "in_proj_qkvz.weight", {key_heads, own, dim},
               {.hf_layout = grouped(key_heads, rows, first, widths),
                .part = which,
                .parts = 2,
                .gguf_shape = {key_heads * own, dim}});
    };
    part(l.qkv, "attn_qkv.weight", 0, 0, {dk, dk, served});
    part(l.z, "attn_gate.weight", 1, 2 * dk + served, {served});
    v.matrix(l.ba.weight, blk(i, "ssm_ba.weight"), hf + "in_proj_ba.weight", {2 * value_heads, dim});
    l.conv.visit(v, i, hf + "conv1d", key_heads * (2 * dk + served), conv_size, false);
    v.vector(l.a_log, blk(i, "ssm_a"), hf + "A_log", {value_heads}, {.gguf_layout = negative_exp()});
    v.vector(l.dt_bias, blk(i, "ssm_dt.bias"), hf + "dt_bias", {value_heads});
    v.vector(l.value_norm.weight, blk(i, "ssm_norm.weight"), hf + "norm.weight", {dv});
    l.out.visit(v, blk(i, "ssm_out"), hf + "out_proj", {dim, value_heads * dv});
  }

  void ready(Device& device) override {
    rope.ready(device, rope_config, false);
    for (Layer& l : layers) {
      if (!l.a_log) continue;
      l.rate = device.make(f32, {value_heads});
      for (int64_t h = 0; l.rate.has_data() && h < value_heads; ++h)
        l.rate.ptr<float>()[h] = static_cast<float>(std::exp(static_cast<double>(l.a_log.ptr<float>()[h])));
    }
  }
  std::vector<Rope*> ropes() override { return {&rope}; }
  bool attends(int64_t i) const override { return attending[static_cast<size_t>(i)]; }

  std::vector<RecurrentState::Entry> recurrent_entries() const override {
    std::vector<RecurrentState::Entry> entries;
    for (int64_t i = 0; i < layers_count; ++i) {
      if (attends(i)) continue;
      entries.push_back({{conv_size - 1, 2 * key_heads * dk + value_heads * dv}});
      entries.push_back({{value_heads, dk, dv}});
    }
    return entries;
  }

  Tensor block(Context& cx, int i, const Tensor& x, const Step& step) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    const Tensor in = l.norm(cx, x);
    const Tensor h = add(cx, x, attends(i) ? attention(cx, l, in, step, i) : delta_net(cx, l, in, step));
    const Tensor y = l.mlp_norm(cx, h);
    if (dense[static_cast<size_t>(i)]) return add(cx, h, l.mlp(cx, y, act));
    const Tensor open = activation(cx, linear(cx, y, l.shared_gate), Activation::sigmoid);
    return add(cx, h, add(cx, l.moe(cx, y, act), multiply(cx, l.shared(cx, y, act), open)));
  }

  // Gated attention: half of the query projection opens or closes each element of the output.
  Tensor attention(Context& cx, const Layer& l, const Tensor& x, const Step& step, int i) const {
    const int64_t n = x.dim(0);
    const Tensor both = reshape(cx, l.q(cx, x), {n, heads, 2 * d});
    const Tensor q = rope(cx, l.q_norm(cx, slice(cx, both, 2, 0, d)), step);
    const Tensor k = rope(cx, l.k_norm(cx, reshape(cx, l.k(cx, x), {n, kv_heads, d})), step);
    const Tensor v = reshape(cx, l.v(cx, x), {n, kv_heads, d});
    const Tensor mixed = step.attend(cx, i, q, k, v, attention_options(i));
    const Tensor y = gated(cx, slice(cx, both, 2, d, 2 * d), mixed, Activation::sigmoid);
    return l.o(cx, reshape(cx, y, {n, heads * d}));
  }

  Tensor flat(const Tensor& w) const { return w.reshape({w.dim(0) * w.dim(1), dim}); }

  Tensor delta_net(Context& cx, const Layer& l, const Tensor& x, const Step& step) const {
    const int64_t n = x.dim(0), keys = key_heads * dk, each = value_heads / key_heads;
    const Tensor all = l.conv(cx, linear(cx, x, flat(l.qkv.weight)), step, l.entry);
    const auto heads_of = [&](int64_t begin, int64_t count, int64_t width) {
      return reshape(cx, slice(cx, all, 1, begin, begin + count * width), {n, count, width});
    };
    const float scale = 1 / std::sqrt(static_cast<float>(dk));
    const Tensor q = l2_norm(cx, heads_of(0, key_heads, dk), {1e-6f, true, scale});
    const Tensor k = l2_norm(cx, heads_of(keys, key_heads, dk), {1e-6f, true});
    const Tensor v = heads_of(2 * keys, value_heads, dv);
    const Tensor ba = reshape(cx, l.ba(cx, x), {n, key_heads, 2 * each});
    const auto half = [&](int64_t begin) {
      return reshape(cx, contiguous(cx, slice(cx, ba, 2, begin, begin + each)), {n, value_heads});
    };
    const Tensor beta = activation(cx, half(0), Activation::sigmoid);
    const Tensor decay = log_decay(cx, half(each), Decay::softplus, l.dt_bias, l.rate);
    const Tensor o = gated_delta_rule(cx, q, k, v, decay, beta, step.spans, step.memory(l.entry + 1));
    const Tensor z = reshape(cx, linear(cx, x, flat(l.z.weight)), {n, value_heads, dv});
    const Tensor y = gated(cx, z, l.value_norm(cx, o), Activation::silu);
    return l.out(cx, reshape(cx, y, {n, value_heads * dv}));
  }

  Tensor final_norm(Context& cx, const Tensor& x) override { return norm(cx, x); }

  float eps = 1e-6f;
  bool bias = false, normalize = true;
  int64_t conv_size = 4, key_heads = 0, value_heads = 0, dk = 0, dv = 0;
  int64_t experts = 0, used = 0, expert_hidden = 0, shared_hidden = 0;
  std::vector<bool> attending, dense;
  RopeConfig rope_config;
  Rope rope;
  RmsNorm norm;
  std::vector<Layer> layers;
};

}  // namespace
namespace tables {
extern const ModelInfo model_qwen3_next;
const ModelInfo model_qwen3_next{"qwen3_next",
                                 "qwen3_next",
                                 "Qwen3NextForCausalLM",
                                 "qwen3next",
                                 nullptr,
                                 []() -> std::unique_ptr<Model> { return std::make_unique<Qwen3Next>(); },
                                 "Qwen Team 2025; Yang et al. 2025"};
}  // namespace tables
}  // namespace ridge
