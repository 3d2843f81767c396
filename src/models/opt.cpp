// OPT (Zhang et al. 2022): learned positions from 2 on, ReLU; the 350M model norms after each part and has
// narrower embeddings. GGUF has no published layout for it: the names follow those of the other
// architectures.
#include "base/error.h"
#include "models/registry.h"
#include "nn/transformer.h"
#include "ops/add/add.h"
#include "ops/embedding/embedding.h"

namespace ridge {
namespace {

class Opt final : public Transformer {
  struct Layer {
    LayerNorm attention_norm, mlp_norm;
    AttentionBlock attention;
    Mlp mlp;
  };
  static constexpr int64_t kFirstPosition = 2;

  void config(ConfigKeys& keys) override {
    read_vocab(keys, vocab);
    keys.integer(context, "max_position_embeddings", "context_length", 2048);
    keys.integer(dim, "hidden_size", "embedding_length");
    keys.integer(narrow, "word_embed_proj_dim", "word_embedding_length", dim);
    keys.integer(layers_count, "num_hidden_layers", "block_count", {}, 4096);
    keys.integer(heads, "num_attention_heads", "attention.head_count", {}, 65536);
    keys.integer(hidden, "ffn_dim", "feed_forward_length");
    keys.flag(norm_before, "do_layer_norm_before", "norm_before", true);
    keys.flag(no_final_norm, "_remove_final_layer_norm", "no_final_norm", false);
    keys.flag(bias, "enable_bias", "bias", true);
    keys.flag(affine, "layer_norm_elementwise_affine", "norm_weights", true);
    kv_heads = heads;
    d = heads > 0 ? dim / heads : 0;
    check_sizes(keys);
    if (d * heads != dim || narrow < 1)
      fail(Fault::file, "{}: width {} with {} heads, embeddings of width {}", keys.what(), dim, heads,
           narrow);
    tying(keys, true);
    activation_key(keys, "activation_function", "relu");
    if (!keys.is_reading()) return;
    layers.assign(static_cast<size_t>(layers_count), {});
    for (Layer& l : layers) l.attention.heads = l.attention.kv_heads = heads, l.attention.d = d;
  }

  bool has_final_norm() const { return norm_before && !no_final_norm; }

  void visit(WeightVisitor& v) override {
    const std::string top = "model.decoder.";
    v.table(embed, "token_embd.weight", top + "embed_tokens.weight", {vocab, narrow});
    v.table(positions, "position_embd.weight", top + "embed_positions.weight",
            {context + kFirstPosition, dim});
    if (narrow != dim) {
      project_in.visit(v, "token_embd_proj", top + "project_in", {dim, narrow});
      project_out.visit(v, "output_proj", top + "project_out", {narrow, dim});
    }
    if (has_final_norm()) visit_norm(v, norm, "output_norm", top + "final_layer_norm");
    if (!tied) v.matrix(head.weight, "output.weight", "lm_head.weight", {vocab, narrow});
    for (int64_t i = 0; i < layers_count; ++i) {
      Layer& l = layers[static_cast<size_t>(i)];
      const std::string hf = top + "layers." + std::to_string(i) + ".";
      AttentionBlock& a = l.attention;
      a.q.visit(v, blk(i, "attn_q"), hf + "self_attn.q_proj", {dim, dim}, bias);
      a.k.visit(v, blk(i, "attn_k"), hf + "self_attn.k_proj", {dim, dim}, bias);
      a.v.visit(v, blk(i, "attn_v"), hf + "self_attn.v_proj", {dim, dim}, bias);
      a.o.visit(v, blk(i, "attn_output"), hf + "self_attn.out_proj", {dim, dim}, bias);
      visit_norm(v, l.attention_norm, blk(i, "attn_norm"), hf + "self_attn_layer_norm");
      l.mlp.up.visit(v, blk(i, "ffn_up"), hf + "fc1", {hidden, dim}, bias);
      l.mlp.down.visit(v, blk(i, "ffn_down"), hf + "fc2", {dim, hidden}, bias);
      visit_norm(v, l.mlp_norm, blk(i, "ffn_norm"), hf + "final_layer_norm");
    }
  }

  void visit_norm(WeightVisitor& v, LayerNorm& n, const std::string& gguf, const std::string& hf) {
    if (affine) n.visit(v, gguf, hf, dim);
  }

  // Norms without weights are norms with ones.
  void ready(Device& device) override {
    if (affine) return;
    const Tensor ones = device.make(f32, {dim});
    if (ones.has_data())
      for (int64_t i = 0; i < dim; ++i) ones.ptr<float>()[i] = 1;
    norm.weight = ones;
    for (Layer& l : layers) l.attention_norm.weight = l.mlp_norm.weight = ones;
  }

  Tensor embed_tokens(Context& cx, const Step& step) override {
    Tensor x = embedding(cx, embed, step.ids);
    if (narrow != dim) x = project_in(cx, x);
    return add(cx, x,
               embedding(cx, positions, step.position_rows(cx, kFirstPosition, context + kFirstPosition)));
  }

  Tensor block(Context& cx, int i, const Tensor& x, const Step& step) override {
    const Layer& l = layers[static_cast<size_t>(i)];
    const AttentionOptions options = attention_options(i);
    if (norm_before) {
      const Tensor h = add(cx, x, l.attention(cx, l.attention_norm(cx, x), step, i, nullptr, options));
      return add(cx, h, l.mlp(cx, l.mlp_norm(cx, h), act));
    }
    const Tensor h = l.attention_norm(cx, add(cx, x, l.attention(cx, x, step, i, nullptr, options)));
    return l.mlp_norm(cx, add(cx, h, l.mlp(cx, h, act)));
  }

  Tensor final_norm(Context& cx, const Tensor& x) override {
    const Tensor y = has_final_norm() ? norm(cx, x) : x;
    return narrow != dim ? project_out(cx, y) : y;
  }

  int64_t narrow = 0;  // width of the embeddings
  bool norm_before = true, no_final_norm = false, bias = true, affine = true;
  Tensor positions;
  Linear project_in, project_out;
  LayerNorm norm;
  std::vector<Layer> layers;
};

}  // namespace
namespace tables {
extern const ModelInfo model_opt;
const ModelInfo model_opt{"opt",
                          "opt",
                          "OPTForCausalLM",
                          "opt",
                          nullptr,
                          []() -> std::unique_ptr<Model> { return std::make_unique<Opt>(); },
                          "Zhang et al. 2022"};
}  // namespace tables
}  // namespace ridge
