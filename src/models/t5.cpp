// T5 (Raffel et al. 2020): RMS norms before each part, a bias by bucketed relative position in place of
// position embeddings, scores that are not scaled. T5 v1.1 and Flan-T5 (Chung et al. 2022), mT5 (Xue et al.
// 2021) have gated feed-forward parts; UMT5 (Chung et al. 2023) has biases of its own in every layer.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "models/registry.h"
#include "nn/seq2seq.h"
#include "ops/add/add.h"
#include "ops/embedding/embedding.h"
#include "ops/scale/scale.h"
#include "ops/view/view.h"

namespace ridge {
namespace {

class T5 final : public Seq2Seq {
  struct Layer {
    RmsNorm self_norm, cross_norm, mlp_norm;
    AttentionBlock self;
    CrossAttention cross;
    Tensor buckets;  // [buckets, heads]: in the first layer, or in all
    Mlp mlp;
    Linear gate;
  };

  void config(ConfigKeys& keys) override {
    const bool own_biases = keys.is_gguf() && keys.has_tensor("enc.blk.1.attn_rel_b.weight");
    keys.text(type, "model_type", "/ridge.model_type", own_biases ? "umt5" : "t5");
    keys.integer(vocab, "vocab_size", "vocab_size", type == "t5" ? 32128 : 250112);
    keys.integer(dim, "d_model", "embedding_length", 512);
    keys.integer(d, "d_kv", "attention.key_length", 64);
    keys.integer(hidden, "d_ff", "feed_forward_length", type == "t5" ? 2048 : 1024);
    keys.integer(encoder_count, "num_layers", "block_count", type == "t5" ? 6 : 8, 4096);
    keys.integer(decoder_count, "num_decoder_layers", "decoder_block_count", encoder_count, 4096);
    keys.integer(heads, "num_heads", "attention.head_count", type == "t5" ? 8 : 6, 65536);
    keys.integer(bucket_count, "relative_attention_num_buckets", "attention.relative_buckets_count", 32,
                 65536);
    keys.integer(max_distance, "relative_attention_max_distance", "/ridge.relative_attention_max_distance",
                 128, 1 << 20);
    keys.real(eps, "layer_norm_epsilon", "attention.layer_norm_rms_epsilon", 1e-6);
    read_feed_forward(keys);
    read_tying(keys);
    write_published(keys);
    if (!keys.is_reading()) return;
    if (dim < 1 || vocab < 1 || heads < 1 || d < 1 || hidden < 1)
      fail(Fault::file, "{}: width {}, {} heads of width {}, {} tokens and layers of {} do not make a model",
           keys.what(), dim, heads, d, vocab, hidden);
    if (bucket_count < 4 || bucket_count % 2 != 0 || max_distance <= bucket_count / 2)
      fail(Fault::file, "{}: {} buckets for relative positions up to {} make no bias", keys.what(),
           bucket_count, max_distance);
    for (auto* stack : {&encoder, &decoder}) {
      stack->assign(static_cast<size_t>(stack == &encoder ? encoder_count : decoder_count), {});
      for (Layer& l : *stack) {
        l.self_norm.eps = l.cross_norm.eps = l.mlp_norm.eps = eps;
        l.self.heads = l.self.kv_heads = l.cross.heads = heads;
        l.self.d = l.cross.d = d;
      }
    }
    encoder_norm.eps = decoder_norm.eps = eps;
    decoder_layers = static_cast<int>(decoder_count);
  }

  // "relu", "gated-gelu": the activation, and whether a gate goes through it. In GGUF a gate's tensor says
  // so.
  void read_feed_forward(ConfigKeys& keys) {
    const bool gguf_gate = keys.is_gguf() && keys.has_tensor("enc.blk.0.ffn_gate.weight");
    keys.text(feed_forward, "feed_forward_proj", "/ridge.feed_forward_proj",
              keys.is_gguf() ? (gated_layers || gguf_gate ? "gated-gelu" : "relu")
                             : (type == "t5" ? "relu" : "gated-gelu"));
    if (!keys.is_reading()) return;
    gated_layers = feed_forward.rfind("gated-", 0) == 0;
    const std::string name = gated_layers ? feed_forward.substr(6) : feed_forward;
    try {
      act = parse_activation(feed_forward == "gated-gelu" ? "gelu_new" : name);
    } catch (const Error& e) {  // what a file got wrong
      fail(Fault::file, "{}: {}", keys.what(), e.what());
    }
  }

  // A tied head is scaled by dim^-1/2 in T5 v1.0. Newer configurations say so by a key of its own; in older
  // ones tie_word_embeddings: false means that it is not, and is all that it means.
  void read_tying(ConfigKeys& keys) {
    if (!keys.is_gguf()) keys.flag(tie_key, "tie_word_embeddings", nullptr, true);
    const bool by_tying = type == "mt5" ? false : type == "umt5" ? true : tie_key;
    keys.flag(scaled, "scale_decoder_outputs", "/ridge.scale_decoder_outputs",
              keys.is_gguf() ? !gated_layers : by_tying);
    if (!keys.is_reading()) return;
    if (type != "t5" && !keys.is_gguf()) scaled = by_tying;
    const bool loading = keys.has_tensor("shared.weight") || keys.has_tensor("encoder.embed_tokens.weight") ||
                         keys.has_tensor("lm_head.weight");
    tables.choose(keys, loading || tie_key, true, "", "lm_head.weight");
    if (keys.is_gguf()) tables.tied_head = !keys.has_tensor("output.weight");
  }

  // Keys of GGUF that repeat others, and those of a context that T5 does not limit.
  void write_published(ConfigKeys& keys) {
    keys.integer(context, "n_positions", "context_length", 512);
    keys.integer(decoder_start, "decoder_start_token_id", "decoder_start_token_id", 0);
    if (keys.gguf_out()) {
      keys.integer(d, nullptr, "attention.value_length");
      keys.real(eps, nullptr, "attention.layer_norm_epsilon");
    }
  }

  void visit(WeightVisitor& v) override {
    tables.visit(v, vocab, vocab, dim);
    visit_stack(v, encoder, encoder_norm, "enc.", "encoder.", false);
    visit_stack(v, decoder, decoder_norm, "dec.", "decoder.", true);
  }

  void visit_stack(WeightVisitor& v, std::vector<Layer>& stack, RmsNorm& norm, const std::string& gguf,
                   const std::string& hf, bool is_decoder) {
    const int64_t inner = heads * d;
    for (size_t i = 0; i < stack.size(); ++i) {
      Layer& l = stack[i];
      const auto g = [&](const char* rest) { return gguf + blk(static_cast<int64_t>(i), rest); };
      const std::string block = hf + "block." + std::to_string(i) + ".layer.",
                        self = block + "0.SelfAttention.";
      l.self.q.visit(v, g("attn_q"), self + "q", {inner, dim});
      l.self.k.visit(v, g("attn_k"), self + "k", {inner, dim});
      l.self.v.visit(v, g("attn_v"), self + "v", {inner, dim});
      l.self.o.visit(v, g("attn_o"), self + "o", {dim, inner});
      if (i == 0 || type == "umt5")
        v.table(l.buckets, g("attn_rel_b.weight"), self + "relative_attention_bias.weight",
                {bucket_count, heads});
      v.vector(l.self_norm.weight, g("attn_norm.weight"), block + "0.layer_norm.weight", {dim});
      if (is_decoder) {
        const std::string cross = block + "1.EncDecAttention.";
        l.cross.q.visit(v, g("cross_attn_q"), cross + "q", {inner, dim});
        l.cross.k.visit(v, g("cross_attn_k"), cross + "k", {inner, dim});
        l.cross.v.visit(v, g("cross_attn_v"), cross + "v", {inner, dim});
        l.cross.o.visit(v, g("cross_attn_o"), cross + "o", {dim, inner});
        v.vector(l.cross_norm.weight, g("cross_attn_norm.weight"), block + "1.layer_norm.weight", {dim});
      }
      const std::string last = block + (is_decoder ? "2." : "1."), mlp = last + "DenseReluDense.";
      if (gated_layers) l.gate.visit(v, g("ffn_gate"), mlp + "wi_0", {hidden, dim});
      l.mlp.up.visit(v, g("ffn_up"), mlp + (gated_layers ? "wi_1" : "wi"), {hidden, dim});
      l.mlp.down.visit(v, g("ffn_down"), mlp + "wo", {dim, hidden});
      v.vector(l.mlp_norm.weight, g("ffn_norm.weight"), last + "layer_norm.weight", {dim});
    }
    v.vector(norm.weight, gguf + "output_norm.weight", hf + "final_layer_norm.weight", {dim});
  }
  void ready(Device&) override {}

  // The bucket of a distance from query to key (Raffel et al. 2020, section 2.1; Mesh TensorFlow's function):
  // half of them exact, the others logarithmic up to max_distance; both directions have their own half where
  // keys after the query are seen. In f32, as the reference, since bounds fall between integers.
  int32_t bucket(int64_t distance, bool bidirectional) const {
    int64_t buckets = bucket_count, first = 0;
    if (bidirectional) {
      buckets /= 2;
      if (distance > 0) first = buckets;
    }
    const int64_t away = bidirectional ? std::abs(distance) : std::max<int64_t>(-distance, 0);
    const int64_t exact = buckets / 2;
    if (away < exact) return static_cast<int32_t>(first + away);
    const float ratio = std::log(static_cast<float>(away) / static_cast<float>(exact));
    const auto range =
        static_cast<float>(std::log(static_cast<double>(max_distance) / static_cast<double>(exact)));
    const auto more = static_cast<int64_t>(ratio / range * static_cast<float>(buckets - exact));
    return static_cast<int32_t>(first + std::min(exact + more, buckets - 1));
  }

  // The bias by distance, f32 [heads, 2R + 1]: beyond R all distances share a bucket.
  Tensor relative(Context& cx, const Tensor& buckets, bool bidirectional) const {
    std::vector<int32_t> rows;
    for (int64_t distance = -max_distance; distance <= max_distance; ++distance)
      rows.push_back(bucket(distance, bidirectional));
    const Tensor by_distance =
        embedding(cx, buckets, cx.from_host(rows.data(), static_cast<int64_t>(rows.size())));
    return contiguous(cx, transpose(cx, by_distance, 0, 1));
  }

  Tensor feed_forward_part(Context& cx, const Layer& l, const Tensor& x) const {
    if (!gated_layers) return l.mlp(cx, x, act);
    return l.mlp.down(cx, gated(cx, l.gate(cx, x), l.mlp.up(cx, x), act));
  }

  Tensor encode_source(Context& cx, const Inputs& source) override {
    const Step step(cx, source.text, nullptr);
    Tensor x = step.with_embeddings(cx, embedding(cx, tables.of_source(), step.ids));
    AttentionOptions full{.scale = 1, .causal = false};
    for (int i = 0; i < static_cast<int>(encoder.size()); ++i) {
      const Context::Scope scope(cx, "encoder", i);
      const Layer& l = encoder[static_cast<size_t>(i)];
      if (l.buckets) full.relative = relative(cx, l.buckets, true);
      x = add(cx, x, l.self(cx, l.self_norm(cx, x), step, i, nullptr, full));
      x = add(cx, x, feed_forward_part(cx, l, l.mlp_norm(cx, x)));
    }
    return encoder_norm(cx, x);
  }

  Tensor decode(Context& cx, const Step& step) override {
    Tensor x = step.with_embeddings(cx, embedding(cx, tables.of_target(), step.ids));
    AttentionOptions causal{.scale = 1};
    for (int i = 0; i < decoder_layers; ++i) {
      const Context::Scope scope(cx, "decoder", i);
      const Layer& l = decoder[static_cast<size_t>(i)];
      if (l.buckets) causal.relative = relative(cx, l.buckets, false);
      x = add(cx, x, l.self(cx, l.self_norm(cx, x), step, i, nullptr, causal));
      x = add(cx, x, l.cross(cx, l.cross_norm(cx, x), step, i, 1));
      x = add(cx, x, feed_forward_part(cx, l, l.mlp_norm(cx, x)));
    }
    return decoder_norm(cx, step.wanted(cx, x));
  }
  Tensor logits(Context& cx, const Tensor& x) override {
    const Tensor y = scaled ? scale(cx, x, 1 / std::sqrt(static_cast<float>(dim))) : x;
    return linear(cx, y, tables.of_head());
  }
  const CrossAttention& cross(int layer) const override { return decoder[static_cast<size_t>(layer)].cross; }
  KvCache::Layer cache_layer() const override { return {heads, d, d}; }

  std::string type = "t5", feed_forward = "relu";
  int64_t d = 0, hidden = 0, heads = 0, encoder_count = 0, decoder_count = 0, bucket_count = 0,
          max_distance = 0, decoder_start = 0;
  float eps = 1e-6f;
  bool gated_layers = false, scaled = true, tie_key = true;
  Activation act = Activation::relu;
  TokenTables tables;
  std::vector<Layer> encoder, decoder;
  RmsNorm encoder_norm, decoder_norm;
};

}  // namespace
namespace tables {
extern const ModelInfo model_t5;
const ModelInfo model_t5{"t5",
                         "t5 mt5 umt5",
                         "T5ForConditionalGeneration",
                         "t5",
                         nullptr,
                         []() -> std::unique_ptr<Model> { return std::make_unique<T5>(); },
                         "Raffel et al. 2020"};
}  // namespace tables
}  // namespace ridge
