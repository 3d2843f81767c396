// SigLIP (Zhai et al. 2023): CLIP's two encoders with a sigmoid loss: no class token but attention pooling by
// a learned query, texts that see all of themselves, and a bias beside the scale of the logits. Both towers,
// or one of them alone.
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "models/registry.h"
#include "nn/text_tower.h"
#include "ops/add/add.h"
#include "ops/attention/attention.h"
#include "ops/embedding/embedding.h"
#include "ops/scale/scale.h"
#include "ops/view/view.h"

namespace ridge {
namespace {

// Multi-head attention pooling: a learned query looks at all outputs of an image, an MLP follows.
struct PoolingHead {
  Tensor probe;  // f32 [dim]
  Linear qkv, o;
  LayerNorm norm;
  Mlp mlp;

  void visit(WeightVisitor& v, const std::string& hf, int64_t dim, int64_t hidden) {
    v.vector(probe, "v.head.probe", hf + "probe", {dim});
    v.matrix(qkv.weight, "v.head.attn_qkv.weight", hf + "attention.in_proj_weight", {3 * dim, dim});
    v.vector(qkv.bias, "v.head.attn_qkv.bias", hf + "attention.in_proj_bias", {3 * dim});
    o.visit(v, "v.head.attn_out", hf + "attention.out_proj", {dim, dim}, true);
    norm.visit(v, "v.head.ln", hf + "layernorm", dim);
    mlp.up.visit(v, "v.head.ffn_up", hf + "mlp.fc1", {hidden, dim}, true);
    mlp.down.visit(v, "v.head.ffn_down", hf + "mlp.fc2", {dim, hidden}, true);
  }

  // x f32 [images * rows, dim] -> [images, dim]
  Tensor operator()(Context& cx, const Tensor& x, int64_t images, int64_t heads, Activation act) const {
    const int64_t dim = x.dim(1), n = x.dim(0), d = dim / heads;
    const auto part = [&](const Tensor& t, int64_t begin, int64_t end) {
      return linear(cx, t, slice(cx, qkv.weight, 0, begin * dim, end * dim),
                    slice(cx, qkv.bias, 0, begin * dim, end * dim));
    };
    const std::vector<int32_t> zeros(static_cast<size_t>(images), 0);
    const Tensor query = part(reshape(cx, probe, {1, dim}), 0, 1);
    const Tensor q = embedding(cx, query, cx.from_host(zeros.data(), images));
    const Tensor kv = part(x, 1, 3);
    std::vector<AttentionSegment> segments;
    for (int64_t i = 0; i < images; ++i) segments.push_back({i, 1, i * (n / images), n / images});
    const AttentionOptions options{.scale = 1 / std::sqrt(static_cast<float>(d)), .causal = false};
    const Tensor y = attention(cx, reshape(cx, q, {images, heads, d}),
                               reshape(cx, slice(cx, kv, 1, 0, dim), {n, heads, d}),
                               reshape(cx, slice(cx, kv, 1, dim, 2 * dim), {n, heads, d}), segments, options);
    const Tensor h = o(cx, reshape(cx, y, {images, dim}));
    return add(cx, h, mlp(cx, norm(cx, h), act));
  }
};

class Siglip final : public ImageModel {
  ModelKind kind() const override { return ModelKind::encoder; }
  Shape image_shape() const override { return vision.image_shape(); }
  const char* image_family() const override { return "Siglip"; }
  ModelSize size() const override {
    const PreNormLayers& l = has_vision ? vision.layers : text.layers;
    return {text.vocab, l.dim, l.count, text.context};
  }

  void config(ConfigKeys& keys) override {
    if (keys.is_reading()) {
      read_kind(keys);
      PreNormLayers &t = text.layers, &v = vision.layers;
      text.vocab = 32000, text.context = 64, text.causal = false;
      t.dim = v.dim = 768, t.hidden = v.hidden = 3072, t.count = t.heads = v.count = v.heads = 12;
      t.eps = v.eps = 1e-6f, t.act_name = v.act_name = "gelu_pytorch_tanh";
      vision.names = &kSiglipVision;
    }
    const bool whole = nested;
    ConfigKeys text_keys = keys.within(whole ? "text_config" : "");
    ConfigKeys vision_keys = keys.within(whole ? "vision_config" : "");
    if (has_text) {
      text.config(text_keys);
      text_keys.integer(projected, "projection_size", nullptr, text.layers.dim);
    }
    if (has_vision) {
      vision.config(vision_keys);
      vision_keys.flag(has_head, "vision_use_head", nullptr, true);
    }
    if (has_classifier) has_head = false;
    post_norm.eps = head.norm.eps = vision.layers.eps;
    if (keys.is_reading()) labels = label_count(keys);
  }

  void read_kind(const ConfigKeys& keys) {
    const std::string type = keys.whole_in()->value("model_type", "siglip");
    has_vision = type != "siglip_text_model", has_text = type != "siglip_vision_model";
    nested = has_vision && has_text;
    has_classifier =
        keys.has_tensor("classifier.weight") || class_ends_with(keys, "ForImageClassification", false);
    if (has_classifier) has_text = false;
    // Towers saved alone leave out the name of the model in newer releases.
    if (has_text && !has_vision)
      text_prefix = keys.has_tensor("embeddings.token_embedding.weight") ? "" : "text_model.";
    if (has_vision && !has_text)
      vision_prefix = keys.has_tensor("embeddings.patch_embedding.weight") ? "" : "vision_model.";
  }

  void visit(WeightVisitor& v) override {
    const int64_t dim = vision.layers.dim;
    if (has_vision) {
      vision.visit(v, vision_prefix);
      post_norm.visit(v, "v.post_ln", vision_prefix + "post_layernorm", dim);
      if (has_head) head.visit(v, vision_prefix + "head.", dim, vision.layers.hidden);
      if (has_classifier) visit_unused_head(v, vision_prefix + "head.", dim, vision.layers.hidden);
      if (has_classifier) classifier.visit(v, "v.classifier", "classifier", {labels, dim}, true);
    }
    if (has_text) {
      text.visit(v, text_prefix);
      text_head.visit(v, "t.head", text_prefix + "head", {projected, text.layers.dim}, true);
    }
    if (!has_vision || !has_text) return;
    v.vector(logit_scale, "logit_scale", "logit_scale", {1});
    v.vector(logit_bias, "logit_bias", "logit_bias", {1});
  }
  void ready(Device&) override {}

  Outputs encode(Context& cx, const Inputs& inputs, const std::set<std::string>&) override {
    const Tensor& pixels = inputs.pixels;
    const Batch& texts = inputs.text;
    const bool both = has_vision && has_text;
    Outputs out;
    if (has_vision && pixels) {
      const int64_t images = pixels.dim(0);
      const Tensor x = post_norm(cx, vision(cx, pixels));
      if (!both) out["last_hidden_state"] = x.reshape({images, vision.rows(pixels), vision.layers.dim});
      if (has_head)
        out[both ? "image_embeds" : "pooler_output"] =
            head(cx, x, images, vision.layers.heads, vision.layers.act);
      if (has_classifier) out["logits"] = classifier(cx, vision.mean_of_patches(cx, x, pixels));
    }
    if (has_text && !texts.tokens.empty()) {
      const Tensor x = text(cx, texts);
      std::vector<int32_t> rows;  // the last token, which may be padding: so the model was trained
      for (const auto& s : texts.spans) rows.push_back(static_cast<int32_t>(s.begin + s.length - 1));
      const Tensor last = embedding(cx, x, cx.from_host(rows.data(), static_cast<int64_t>(rows.size())));
      if (!both) out["last_hidden_state"] = x;
      out[both ? "text_embeds" : "pooler_output"] = text_head(cx, last);
    }
    if (out.empty())
      fail(Fault::usage, "siglip: this model reads {}",
           both         ? "images and texts"
           : has_vision ? "images"
                        : "texts");
    if (!both) return out;
    for (auto& [name, t] : out) t = normalize_rows(cx, t);
    if (out.size() < 2) return out;
    out["logits_per_image"] = logits(cx, out["image_embeds"], out["text_embeds"]);
    out["logits_per_text"] = logits(cx, out["text_embeds"], out["image_embeds"]);
    return out;
  }

  Tensor logits(Context& cx, const Tensor& a, const Tensor& b) const {
    const bool there = logit_scale.has_data();
    const float s = there ? std::exp(*logit_scale.ptr<float>()) : 1;
    const std::vector<float> bias(static_cast<size_t>(b.dim(0)), there ? *logit_bias.ptr<float>() : 0.0f);
    return add(cx, scale(cx, linear(cx, a, b), s), cx.from_host(bias.data(), {b.dim(0)}));
  }

  bool has_vision = true, has_text = true, has_head = true, has_classifier = false;
  bool nested = true;  // text_config and vision_config
  VisionTower vision;
  TextTower text;
  LayerNorm post_norm;
  PoolingHead head;
  Linear text_head, classifier;
  Tensor logit_scale, logit_bias;  // f32 [1]: the scale's logarithm, the bias
  int64_t projected = 0, labels = 0;
  std::string vision_prefix = "vision_model.", text_prefix = "text_model.";
};

}  // namespace
namespace tables {
extern const ModelInfo model_siglip;
const ModelInfo model_siglip{
    "siglip",          "siglip siglip_vision_model siglip_text_model",
    "SiglipModel",     nullptr,
    nullptr,           []() -> std::unique_ptr<Model> { return std::make_unique<Siglip>(); },
    "Zhai et al. 2023"};
}  // namespace tables
}  // namespace ridge
