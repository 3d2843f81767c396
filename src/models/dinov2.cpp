// DINOv2 (Oquab et al. 2023): ViT with LayerScale and, in its largest size, SwiGLU. The classifier sees the
// class token beside the mean of the patches.
#include "base/error.h"
#include "models/registry.h"
#include "nn/vision.h"
#include "ops/concat/concat.h"

namespace ridge {
namespace {

VisionNames names(bool gated) {
  return {{"embeddings.cls_token"},
          "embeddings.patch_embeddings.projection",
          "embeddings.position_embeddings",
          "encoder.layer.",
          nullptr,
          {"norm1", "attention.attention.query", "attention.attention.key", "attention.attention.value",
           "attention.output.dense", "norm2", gated ? "mlp.weights_in" : "mlp.fc1",
           gated ? "mlp.weights_out" : "mlp.fc2"}};
}
const VisionNames kPlain = names(false), kGated = names(true);

class Dinov2 final : public ImageModel {
  ModelKind kind() const override { return ModelKind::encoder; }
  Shape image_shape() const override { return tower.image_shape(); }
  const char* image_family() const override { return "Bit"; }
  ModelSize size() const override { return {0, tower.layers.dim, tower.layers.count, 0}; }

  void config(ConfigKeys& keys) override {
    PreNormLayers& l = tower.layers;
    if (keys.is_reading()) {
      l.dim = 768, l.count = l.heads = 12, l.hidden = 1, l.eps = 1e-6f, l.act_name = "gelu";
      l.layer_scale = true;
      tower.patch_size[0] = tower.patch_size[1] = 14;
    }
    keys.flag(l.gated, "use_swiglu_ffn", nullptr, false);
    keys.flag(l.qkv_bias, "qkv_bias", nullptr, true);
    tower.names = l.gated ? &kGated : &kPlain;
    keys.real(mlp_ratio, "mlp_ratio", nullptr, 4);
    tower.config(keys);
    norm.eps = l.eps;
    if (!keys.is_reading()) return;
    const double wide = static_cast<double>(l.dim) * mlp_ratio;
    if (!(wide >= 1) || wide > 1e9)
      fail(Fault::file, "{}: width {} and mlp_ratio {} do not make a layer", keys.what(), l.dim, mlp_ratio);
    l.hidden = static_cast<int64_t>(wide);
    // SwiGLU takes two thirds of that, rounded up to a multiple of 8, and SiLU whatever the configuration
    // says.
    if (l.gated)
      l.hidden = (static_cast<int64_t>(static_cast<double>(l.hidden) * 2 / 3) + 7) / 8 * 8,
      l.act = Activation::silu;
    const bool bare = keys.has_tensor("embeddings.cls_token");
    const bool known = bare || keys.has_tensor("dinov2.embeddings.cls_token");
    has_classifier =
        known ? keys.has_tensor("classifier.weight") : class_ends_with(keys, "ForImageClassification", false);
    prefix = bare || (!known && !has_classifier) ? "" : "dinov2.";
    labels = label_count(keys);
  }

  void visit(WeightVisitor& v) override {
    const int64_t dim = tower.layers.dim;
    tower.visit(v, prefix);
    Tensor mask;  // of pre-training; kept by a copy of the checkpoint
    v.vector(mask, "v.mask_embd", prefix + "embeddings.mask_token", {dim}, {.optional = true});
    norm.visit(v, "v.post_ln", prefix + "layernorm", dim);
    if (has_classifier) classifier.visit(v, "v.classifier", "classifier", {labels, 2 * dim}, true);
  }
  void ready(Device&) override {}

  Outputs encode(Context& cx, const Inputs& inputs, const std::set<std::string>&) override {
    const Tensor& pixels = inputs.pixels;
    const int64_t images = pixels.dim(0), dim = tower.layers.dim;
    const Tensor x = norm(cx, tower(cx, pixels));
    Outputs out;
    out["last_hidden_state"] = x.reshape({images, tower.rows(pixels), dim});
    const Tensor first = tower.row(cx, x, pixels, 0);
    out["pooler_output"] = first;
    if (!has_classifier) return out;
    const Tensor mean = tower.mean_of_patches(cx, x, pixels);
    const Tensor both = concat(cx, first.reshape({images, 1, dim}), mean.reshape({images, 1, dim}));
    out["logits"] = classifier(cx, both.reshape({images, 2 * dim}));
    return out;
  }

  VisionTower tower;
  LayerNorm norm;
  Linear classifier;
  double mlp_ratio = 4;
  int64_t labels = 0;
  std::string prefix;
  bool has_classifier = false;
};

}  // namespace
namespace tables {
extern const ModelInfo model_dinov2;
const ModelInfo model_dinov2{"dinov2",
                             "dinov2",
                             "Dinov2Model",
                             nullptr,
                             nullptr,
                             []() -> std::unique_ptr<Model> { return std::make_unique<Dinov2>(); },
                             "Oquab et al. 2023"};
}  // namespace tables
}  // namespace ridge
