// CLIP (Radford et al. 2021): an image and a text encoder into one space. Both towers, or one of them alone.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "models/registry.h"
#include "nn/text_tower.h"
#include "ops/embedding/embedding.h"
#include "ops/scale/scale.h"

namespace ridge {
namespace {

class Clip final : public ImageModel {
  ModelKind kind() const override { return ModelKind::encoder; }
  Shape image_shape() const override { return vision.image_shape(); }
  const char* image_family() const override { return "CLIP"; }
  ModelSize size() const override {
    const PreNormLayers& l = has_vision ? vision.layers : text.layers;
    return {text.vocab, l.dim, l.count, text.context};
  }

  void config(ConfigKeys& keys) override {
    if (keys.is_reading()) {
      read_kind(keys);
      PreNormLayers &t = text.layers, &v = vision.layers;
      text.vocab = 49408, text.context = 77, t.dim = 512, t.hidden = 2048, t.count = 12, t.heads = 8;
      v.dim = 768, v.hidden = 3072, v.count = v.heads = 12;
      t.eps = v.eps = 1e-5f, t.act_name = v.act_name = "quick_gelu";
      vision.patch_size[0] = vision.patch_size[1] = 32;
      vision.patch_bias = false;
    }
    ConfigKeys whole = keys.within("");
    ConfigKeys text_keys = keys.within(nested ? "text_config" : "");
    ConfigKeys vision_keys = keys.within(nested ? "vision_config" : "");
    whole.integer(projected, "projection_dim", nullptr, 512);
    if (has_text) {
      text.config(text_keys);
      text_keys.integer(end, "eos_token_id", nullptr, 49407);
    }
    if (has_vision) vision.config(vision_keys);
    post_norm.eps = vision.layers.eps;
    if (keys.is_reading()) labels = label_count(keys);
  }

  void read_kind(const ConfigKeys& keys) {
    const std::string type = keys.whole_in()->value("model_type", "clip");
    has_vision = type != "clip_text_model", has_text = type != "clip_vision_model";
    nested = has_vision && has_text;
    const bool known =
        keys.has_tensor("text_projection.weight") || keys.has_tensor("visual_projection.weight");
    const bool with = class_ends_with(keys, "WithProjection", false);
    has_projection = (has_vision && has_text) || known || with;
    if (keys.has_tensor("classifier.weight") || class_ends_with(keys, "ForImageClassification", false))
      has_classifier = true, has_text = has_projection = false;
    // Towers saved alone leave out the name of the model in newer releases.
    if (has_text && !has_vision)
      text_prefix = keys.has_tensor("embeddings.token_embedding.weight") ? "" : "text_model.";
    if (has_vision && !has_text)
      vision_prefix = keys.has_tensor("embeddings.class_embedding") ? "" : "vision_model.";
  }

  void visit(WeightVisitor& v) override {
    if (has_vision) {
      vision.visit(v, vision_prefix);
      post_norm.visit(v, "v.post_ln", vision_prefix + "post_layernorm", vision.layers.dim);
      if (has_projection)
        image_projection.visit(v, "v.projection", "visual_projection", {projected, vision.layers.dim});
      if (has_classifier)
        classifier.visit(v, "v.classifier", "classifier", {labels, vision.layers.dim}, true);
    }
    if (has_text) {
      text.visit(v, text_prefix);
      if (has_projection)
        text_projection.visit(v, "t.projection", "text_projection", {projected, text.layers.dim});
    }
    if (has_vision && has_text) v.vector(logit_scale, "logit_scale", "logit_scale", {});
  }
  void ready(Device&) override {}

  // The output at the first end token of each text. Configurations older than the fix of eos_token_id say 2,
  // and mean the token with the highest id.
  Tensor pooled(Context& cx, const Batch& texts, const Tensor& x) const {
    std::vector<int32_t> rows;
    for (const auto& s : texts.spans) {
      const auto first = texts.tokens.begin() + s.begin, last = first + s.length;
      auto at = end == 2 ? std::max_element(first, last) : std::find(first, last, end);
      rows.push_back(static_cast<int32_t>(s.begin + (at == last ? 0 : at - first)));
    }
    return embedding(cx, x, cx.from_host(rows.data(), static_cast<int64_t>(rows.size())));
  }

  Outputs encode(Context& cx, const Inputs& inputs, const std::set<std::string>&) override {
    const Tensor& pixels = inputs.pixels;
    const Batch& texts = inputs.text;
    const bool both = has_vision && has_text;
    Outputs out;
    if (has_vision && pixels) {
      const Tensor x = vision(cx, pixels);
      const Tensor first = post_norm(cx, vision.row(cx, x, pixels, 0));
      if (!both) {
        out["last_hidden_state"] = x.reshape({pixels.dim(0), vision.rows(pixels), vision.layers.dim});
        out["pooler_output"] = first;
      }
      if (has_projection) out["image_embeds"] = image_projection(cx, first);
      if (has_classifier) out["logits"] = classifier(cx, vision.mean_of_patches(cx, x, pixels));
    }
    if (has_text && !texts.tokens.empty()) {
      const Tensor x = text(cx, texts);
      const Tensor last = pooled(cx, texts, x);
      if (!both) out["last_hidden_state"] = x, out["pooler_output"] = last;
      if (has_projection) out["text_embeds"] = text_projection(cx, last);
    }
    if (out.empty())
      fail(Fault::usage, "clip: this model reads {}",
           both         ? "images and texts"
           : has_vision ? "images"
                        : "texts");
    if (!both) return out;
    for (const char* name : {"image_embeds", "text_embeds"})
      if (const auto it = out.find(name); it != out.end()) it->second = normalize_rows(cx, it->second);
    if (out.size() < 2) return out;
    const float s = logit_scale.has_data() ? std::exp(*logit_scale.ptr<float>()) : 1;
    out["logits_per_image"] = scale(cx, linear(cx, out["image_embeds"], out["text_embeds"]), s);
    out["logits_per_text"] = scale(cx, linear(cx, out["text_embeds"], out["image_embeds"]), s);
    return out;
  }

  bool has_vision = true, has_text = true, has_projection = true, has_classifier = false;
  bool nested = true;  // text_config and vision_config
  VisionTower vision;
  TextTower text;
  LayerNorm post_norm;
  Linear image_projection, text_projection, classifier;
  Tensor logit_scale;  // f32 []: the logarithm
  int64_t projected = 512, end = 49407, labels = 0;
  std::string vision_prefix = "vision_model.", text_prefix = "text_model.";
};

}  // namespace
namespace tables {
extern const ModelInfo model_clip;
const ModelInfo model_clip{"clip",
                           "clip clip_vision_model clip_text_model",
                           "CLIPModel",
                           nullptr,
                           nullptr,
                           []() -> std::unique_ptr<Model> { return std::make_unique<Clip>(); },
                           "Radford et al. 2021"};
}  // namespace tables
}  // namespace ridge
