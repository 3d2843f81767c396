// ViT (Dosovitskiy et al. 2021): the class token's output through a linear classifier, or the pooler of the
// bare model.
#include "models/registry.h"
#include "nn/vision.h"

namespace ridge {
namespace {

const VisionNames kNames{
    {"embeddings.cls_token"},
    "embeddings.patch_embeddings.projection",
    "embeddings.position_embeddings",
    "encoder.layer.",
    nullptr,
    {"layernorm_before", "attention.attention.query", "attention.attention.key", "attention.attention.value",
     "attention.output.dense", "layernorm_after", "intermediate.dense", "output.dense"}};

class Vit final : public ImageModel {
  ModelKind kind() const override { return ModelKind::encoder; }
  Shape image_shape() const override { return tower.image_shape(); }
  const char* image_family() const override { return "ViT"; }
  ModelSize size() const override { return {0, tower.layers.dim, tower.layers.count, 0}; }

  void config(ConfigKeys& keys) override {
    tower.names = &kNames;
    if (keys.is_reading())
      tower.layers.dim = 768, tower.layers.count = tower.layers.heads = 12, tower.layers.hidden = 3072,
      tower.layers.eps = 1e-12f, tower.layers.act_name = "gelu";
    keys.flag(tower.layers.qkv_bias, "qkv_bias", nullptr, true);
    tower.config(keys);
    norm.eps = tower.layers.eps;
    keys.integer(pooled, "pooler_output_size", nullptr, tower.layers.dim);
    keys.text(pooler_act, "pooler_act", nullptr, "tanh");
    if (has_classifier) write_label_count(keys, labels);
    if (!keys.is_reading()) return;
    pooler_activation = activation_of(keys, pooler_act);
    const bool bare = keys.has_tensor("embeddings.cls_token");
    const bool known = bare || keys.has_tensor("vit.embeddings.cls_token");
    has_classifier = known ? keys.has_tensor("classifier.weight") : !class_ends_with(keys, "ViTModel", false);
    prefix = bare || (!known && !has_classifier) ? "" : "vit.";
    has_pooler = known ? keys.has_tensor(prefix + "pooler.dense.weight") : !has_classifier;
    labels = label_count(keys);
  }

  void visit(WeightVisitor& v) override {
    const int64_t dim = tower.layers.dim;
    tower.visit(v, prefix);
    Tensor mask;  // of pre-training; kept by a copy of the checkpoint
    v.vector(mask, "v.mask_embd", prefix + "embeddings.mask_token", {dim}, {.optional = true});
    norm.visit(v, "v.post_ln", prefix + "layernorm", dim);
    if (has_pooler) pooler.visit(v, "v.pooler", prefix + "pooler.dense", {pooled, dim}, true);
    if (has_classifier) classifier.visit(v, "v.classifier", "classifier", {labels, dim}, true);
  }
  void ready(Device&) override {}

  Outputs encode(Context& cx, const Inputs& inputs, const std::set<std::string>&) override {
    const Tensor& pixels = inputs.pixels;
    const Tensor x = norm(cx, tower(cx, pixels));
    const Tensor first = tower.row(cx, x, pixels, 0);
    Outputs out;
    out["last_hidden_state"] = x.reshape({pixels.dim(0), tower.rows(pixels), tower.layers.dim});
    if (has_pooler) out["pooler_output"] = activation(cx, pooler(cx, first), pooler_activation);
    if (has_classifier) out["logits"] = classifier(cx, first);
    return out;
  }

  VisionTower tower;
  LayerNorm norm;
  Linear pooler, classifier;
  int64_t pooled = 0, labels = 0;
  std::string prefix, pooler_act;
  Activation pooler_activation = Activation::tanh;
  bool has_pooler = false, has_classifier = false;
};

}  // namespace
namespace tables {
extern const ModelInfo model_vit;
const ModelInfo model_vit{"vit",
                          "vit",
                          "ViTForImageClassification",
                          nullptr,
                          nullptr,
                          []() -> std::unique_ptr<Model> { return std::make_unique<Vit>(); },
                          "Dosovitskiy et al. 2021"};
}  // namespace tables
}  // namespace ridge
