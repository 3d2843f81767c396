// RecurrentGemma (Botev et al. 2024), the Griffin architecture (De et al. 2024): blocks of real-gated linear
// recurrent units, and every third one of attention to a window, each before a gated MLP.
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "device/device.h"
#include "formats/bf16/bf16.h"
#include "models/registry.h"
#include "nn/ssm.h"
#include "ops/add/add.h"
#include "ops/causal_conv1d/causal_conv1d.h"
#include "ops/embedding/embedding.h"
#include "ops/expert_linear/expert_linear.h"
#include "ops/multiply/multiply.h"
#include "ops/rg_lru/rg_lru.h"
#include "ops/scale/scale.h"
#include "ops/softcap/softcap.h"

namespace ridge {
namespace {

class RecurrentGemma final : public HybridTransformer {
  struct Layer {
    RmsNorm norm, mlp_norm;
    AttentionBlock attention;
    Linear x, y, out;
    Tensor conv_weight, conv_bias;                            // f32 [width, conv], [width]
    Tensor input_gate, input_bias, forget_gate, forget_bias;  // [heads, block, block], as the file has them
    Tensor input_rows, forget_rows;                           // the same, each block transposed
    Tensor parameter;
    int entry = 0;  // of the recurrent state
    GatedMlp mlp;
  };

  void config(ConfigKeys& keys) override {
    read_vocab(keys, vocab);
    keys.integer(context, "max_position_embeddings", nullptr, 8192);
    keys.integer(dim, "hidden_size", nullptr, 2560);
    keys.integer(layers_count, "num_hidden_layers", nullptr, 26, 4096);
    keys.integer(doubled, "intermediate_size", nullptr, 3 * 2560);
    hidden = doubled / 2;
    keys.integer(heads, "num_attention_heads", nullptr, 10, 65536);
    keys.integer(kv_heads, "num_key_value_heads", nullptr, heads, 65536);
    if (keys.is_reading() && kv_heads == 0) kv_heads = heads;
    d = heads > 0 ? dim / heads : 0;  // whatever a configuration says: the reference computes it
    keys.integer(width, "lru_width", nullptr, dim);
    if (keys.is_reading() && width == 0) width = dim;
    keys.integer(window, "attention_window_size", nullptr, 2048);
    keys.integer(conv, "conv1d_width", nullptr, 4, kMaxConvWidth);
    keys.real(cap, "logits_soft_cap", nullptr, 30.0);
    keys.real(eps, "rms_norm_eps", nullptr, 1e-6);
    keys.flag(bias, "attention_bias", nullptr, false);
    check_sizes(keys);
    if (width < 1 || width % heads != 0 || conv < 1 || window < 1 || hidden < 1 || !(cap > 0))
      fail(Fault::file,
           "{}: an LRU of width {} in {} blocks, convolutions of width {}, a window of {}, an MLP of {} and "
           "a cap of {} "
           "do not make a model",
           keys.what(), width, heads, conv, window, doubled, cap);
    tying(keys, true);
    activation_key(keys, "hidden_activation", "gelu_pytorch_tanh");
    if (keys.is_reading()) rope_config.partial = 0.5;
    rope_config.config(keys, d, context);
    if (rope_config.type != "default")
      fail(Fault::file, "{}: RecurrentGemma has no RoPE of type \"{}\"", keys.what(),
           printable(rope_config.type));
    block_types(keys);
    if (!keys.is_reading()) return;
    layers.assign(static_cast<size_t>(layers_count), {});
    norm.eps = eps;
    int entry = 0;
    for (int64_t i = 0; i < layers_count; ++i) {
      Layer& l = layers[static_cast<size_t>(i)];
      l.norm.eps = l.mlp_norm.eps = eps;
      l.attention.heads = heads, l.attention.kv_heads = kv_heads, l.attention.d = d;
      l.entry = entry;
      if (!attends(i)) entry += 2;
    }
  }

  // A row of types, repeated as often as there are layers. What is not "recurrent" attends.
  void block_types(ConfigKeys& keys) {
    if (keys.is_reading()) {
      types.clear();
      keys.texts(types, "block_types");
      if (types.empty()) types = {"recurrent", "recurrent", "attention"};
      for (const std::string& t : types)
        if (t != "recurrent" && t != "attention")
          fail(Fault::file, "{}: a block of type \"{}\" is not supported", keys.what(), printable(t));
      if (static_cast<int64_t>(types.size()) * 100 < layers_count)
        fail(Fault::file, "{}: {} block_types, which the reference repeats 100 times, for {} layers",
             keys.what(), types.size(), layers_count);
      attending.resize(static_cast<size_t>(layers_count));
      for (size_t i = 0; i < attending.size(); ++i) attending[i] = types[i % types.size()] == "attention";
    } else if (Json* j = keys.json_out()) {
      (*j)["block_types"] = types;
    }
  }

  void visit(WeightVisitor& v) override {
    v.table(embed, "token_embd.weight", "model.embed_tokens.weight", {vocab, dim});
    visit_norm(v, norm, "output_norm", "model.final_norm");
    if (!tied) v.matrix(head.weight, "output.weight", "lm_head.weight", {vocab, dim});
    for (int64_t i = 0; i < layers_count; ++i) {
      Layer& l = layers[static_cast<size_t>(i)];
      const std::string hf = "model.layers." + std::to_string(i) + ".", mixer = hf + "temporal_block.";
      visit_norm(v, l.norm, blk(i, "attn_norm"), hf + "temporal_pre_norm");
      if (attends(i)) {
        AttentionBlock& a = l.attention;
        a.q.visit(v, blk(i, "attn_q"), mixer + "q_proj", {heads * d, dim}, bias);
        a.k.visit(v, blk(i, "attn_k"), mixer + "k_proj", {kv_heads * d, dim}, bias);
        a.v.visit(v, blk(i, "attn_v"), mixer + "v_proj", {kv_heads * d, dim}, bias);
        a.o.visit(v, blk(i, "attn_output"), mixer + "o_proj", {dim, heads * d}, true);
      } else {
        visit_recurrent(v, l, i, mixer);
      }
      visit_norm(v, l.mlp_norm, blk(i, "ffn_norm"), hf + "channel_pre_norm");
      l.mlp.visit(v, i, hf + "mlp_block.", dim, hidden, true);
    }
  }

  void visit_norm(WeightVisitor& v, RmsNorm& n, const std::string& gguf, const std::string& name) const {
    v.vector(n.weight, gguf + ".weight", name + ".weight", {dim}, {.hf_layout = plus_one()});
  }

  void visit_recurrent(WeightVisitor& v, Layer& l, int64_t i, const std::string& hf) const {
    const int64_t block = width / heads;
    l.x.visit(v, blk(i, "lru_x"), hf + "linear_x", {width, dim}, true);
    l.y.visit(v, blk(i, "lru_y"), hf + "linear_y", {width, dim}, true);
    l.out.visit(v, blk(i, "lru_out"), hf + "linear_out", {dim, width}, true);
    v.vector(l.conv_weight, blk(i, "lru_conv1d.weight"), hf + "conv_1d.weight", {width, 1, conv});
    v.vector(l.conv_bias, blk(i, "lru_conv1d.bias"), hf + "conv_1d.bias", {width});
    v.vector(l.input_gate, blk(i, "lru_input_gate.weight"), hf + "rg_lru.input_gate_weight",
             {heads, block, block});
    v.vector(l.input_bias, blk(i, "lru_input_gate.bias"), hf + "rg_lru.input_gate_bias", {heads, block});
    v.vector(l.forget_gate, blk(i, "lru_forget_gate.weight"), hf + "rg_lru.recurrent_gate_weight",
             {heads, block, block});
    v.vector(l.forget_bias, blk(i, "lru_forget_gate.bias"), hf + "rg_lru.recurrent_gate_bias",
             {heads, block});
    v.vector(l.parameter, blk(i, "lru_a"), hf + "rg_lru.recurrent_param", {width});
  }

  void ready(Device& device) override {
    rope.ready(device, rope_config, false);
    for (Layer& l : layers)
      if (l.input_gate) {
        l.input_rows = blocks_transposed(device, l.input_gate);
        l.forget_rows = blocks_transposed(device, l.forget_gate);
      }
    // The reference keeps this factor in bf16.
    uint16_t half = 0;
    const float root = std::sqrt(static_cast<float>(dim));
    bf16.encode(&root, &half, 1, nullptr);
    bf16.decode(&half, &factor, 1);
  }

  static Tensor blocks_transposed(Device& device, const Tensor& w) {
    const Tensor t = device.make(f32, w.shape());
    const int64_t n = w.dim(1);
    for (int64_t h = 0; t.has_data() && h < w.dim(0); ++h)
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < n; ++j)
          t.ptr<float>()[(h * n + j) * n + i] = w.ptr<float>()[(h * n + i) * n + j];
    return t;
  }

  std::vector<Rope*> ropes() override { return {&rope}; }
  bool attends(int64_t i) const override { return attending[static_cast<size_t>(i)]; }
  std::vector<RecurrentState::Entry> recurrent_entries() const override {
    std::vector<RecurrentState::Entry> entries;
    for (int64_t i = 0; i < layers_count; ++i)
      if (!attends(i)) entries.push_back({{conv - 1, width}}), entries.push_back({{width}});
    return entries;
  }
  AttentionOptions attention_options(int i) const override {
    AttentionOptions o = Transformer::attention_options(i);
    o.window = window;
    return o;
  }

  Tensor embed_tokens(Context& cx, const Step& step) override {
    return scale(cx, embedding(cx, embed, step.ids), factor);
  }

  Tensor block(Context& cx, int i, const Tensor& x, const Step& step) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    const Tensor in = l.norm(cx, x);
    const Tensor mixed =
        attends(i) ? l.attention(cx, in, step, i, &rope, attention_options(i)) : recurrent(cx, l, in, step);
    const Tensor h = add(cx, mixed, x);
    return add(cx, l.mlp(cx, l.mlp_norm(cx, h), act), h);
  }

  Tensor recurrent(Context& cx, const Layer& l, const Tensor& in, const Step& step) const {
    const Tensor x = causal_conv1d(cx, l.x(cx, in), l.conv_weight.reshape({width, conv}), l.conv_bias,
                                   step.spans, step.memory(l.entry), false);
    const Tensor h =
        rg_lru(cx, x, gate(cx, x, l.input_rows, l.input_bias), gate(cx, x, l.forget_rows, l.forget_bias),
               l.parameter, step.positions, step.spans, step.memory(l.entry + 1));
    return l.out(cx, gated(cx, l.y(cx, in), h, act));
  }

  // A linear layer of blocks: block h maps the h-th part of each row, as expert h of `heads` tokens would.
  Tensor gate(Context& cx, const Tensor& x, const Tensor& weight, const Tensor& gate_bias) const {
    const int64_t n = x.dim(0), rows = n * heads, block = width / heads;
    std::vector<int32_t> which(static_cast<size_t>(rows));
    for (size_t i = 0; i < which.size(); ++i) which[i] = static_cast<int32_t>(i % static_cast<size_t>(heads));
    const Tensor ids = cx.from_host(which.data(), rows).reshape({rows, 1});
    return expert_linear(cx, x.reshape({rows, block}), weight, ids, gate_bias).reshape({n, width});
  }

  Tensor final_norm(Context& cx, const Tensor& x) override { return norm(cx, x); }
  Tensor logits(Context& cx, const Tensor& x) override {
    return softcap(cx, Transformer::logits(cx, x), static_cast<float>(cap));
  }

  float eps = 1e-6f, factor = 1;
  double cap = 30;
  bool bias = false;
  int64_t width = 0, window = 0, conv = 4, doubled = 0;
  std::vector<std::string> types;
  std::vector<bool> attending;
  RopeConfig rope_config;
  Rope rope;
  RmsNorm norm;
  std::vector<Layer> layers;
};

}  // namespace
namespace tables {
extern const ModelInfo model_recurrent_gemma;
const ModelInfo model_recurrent_gemma{
    "recurrent_gemma",
    "recurrent_gemma",
    "RecurrentGemmaForCausalLM",
    nullptr,
    nullptr,
    []() -> std::unique_ptr<Model> { return std::make_unique<RecurrentGemma>(); },
    "Botev et al. 2024; De et al. 2024"};
}  // namespace tables
}  // namespace ridge
