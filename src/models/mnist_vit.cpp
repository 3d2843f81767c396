// A post-norm ViT of one layer over 28 x 28 images of digits, as PyTorch's nn.TransformerEncoderLayer has it:
// no class token, the mean of the tokens is classified. Its checkpoints are weights alone, known by their
// names.
#include <cmath>

#include "base/error.h"
#include "models/registry.h"
#include "nn/vision.h"
#include "ops/add/add.h"
#include "ops/attention/attention.h"
#include "ops/average_pool/average_pool.h"
#include "ops/patches/patches.h"
#include "ops/view/view.h"

namespace ridge {
namespace {

constexpr int64_t kImage = 28, kPatch = 7, kTokens = 16;

class MnistVit final : public ImageModel {
  ModelKind kind() const override { return ModelKind::encoder; }
  Shape image_shape() const override { return {1, kImage, kImage}; }
  const char* image_family() const override { return "MNIST"; }
  ModelSize size() const override { return {0, dim, 1, kTokens}; }

  void config(ConfigKeys& keys) override {
    keys.integer(dim, "hidden_size", nullptr, 32);
    keys.integer(hidden, "intermediate_size", nullptr, 64);
    keys.integer(labels, "num_labels", nullptr, 10);
    keys.real(norm.eps, "layer_norm_eps", nullptr, 1e-5);
    norm1.eps = norm2.eps = norm.eps;
  }

  void visit(WeightVisitor& v) override {
    const std::string layer = "encoder.0.";
    patch.visit(v, "v.patch_embd", "patch_embed.proj", {dim, kPatch * kPatch}, true);
    v.vector(positions, "v.position_embd.weight", "pos_embed", {kTokens, dim});
    v.matrix(qkv.weight, "v.blk.0.attn_qkv.weight", layer + "attn.in_proj_weight", {3 * dim, dim});
    v.vector(qkv.bias, "v.blk.0.attn_qkv.bias", layer + "attn.in_proj_bias", {3 * dim});
    o.visit(v, "v.blk.0.attn_out", layer + "attn.out_proj", {dim, dim}, true);
    norm1.visit(v, "v.blk.0.ln1", layer + "norm1", dim);
    mlp.up.visit(v, "v.blk.0.ffn_up", layer + "ffn.fc1", {hidden, dim}, true);
    mlp.down.visit(v, "v.blk.0.ffn_down", layer + "ffn.fc2", {dim, hidden}, true);
    norm2.visit(v, "v.blk.0.ln2", layer + "norm2", dim);
    norm.visit(v, "v.post_ln", "norm", dim);
    head.visit(v, "v.classifier", "classifier", {labels, dim}, true);
  }
  void ready(Device&) override {}

  Outputs encode(Context& cx, const Inputs& inputs, const std::set<std::string>&) override {
    const Tensor& pixels = inputs.pixels;
    if (pixels.rank() != 4 || pixels.dim(1) != 1 || pixels.dim(2) != kImage || pixels.dim(3) != kImage)
      fail(Fault::usage, "mnist_vit: pixels {}: this model sees grey images [images, 1, {}, {}]",
           pixels.text(), kImage, kImage);
    const int64_t images = pixels.dim(0), n = images * kTokens;
    Tensor x = reshape(cx, patch(cx, patches(cx, pixels, kPatch, kPatch)), {images, kTokens * dim});
    x = reshape(cx, add(cx, x, reshape(cx, positions, {kTokens * dim})), {n, dim});
    const Tensor all = qkv(cx, x);
    const auto part = [&](int64_t i) {
      return reshape(cx, slice(cx, all, 1, i * dim, (i + 1) * dim), {n, 1, dim});
    };
    std::vector<AttentionSegment> segments;
    for (int64_t i = 0; i < images; ++i) segments.push_back({i * kTokens, kTokens, i * kTokens, kTokens});
    const AttentionOptions options{.scale = 1 / std::sqrt(static_cast<float>(dim)), .causal = false};
    const Tensor seen = attention(cx, part(0), part(1), part(2), segments, options);
    x = norm1(cx, add(cx, x, o(cx, reshape(cx, seen, {n, dim}))));
    x = norm(cx, norm2(cx, add(cx, x, mlp(cx, x, Activation::gelu))));
    const Tensor mean = average_pool(cx, reshape(cx, x, {images, kTokens, 1, dim}), 1, 1);
    Outputs out;
    out["last_hidden_state"] = x.reshape({images, kTokens, dim});
    out["logits"] = head(cx, reshape(cx, mean, {images, dim}));
    return out;
  }

  int64_t dim = 32, hidden = 64, labels = 10;
  Linear patch, qkv, o, head;
  Mlp mlp;
  LayerNorm norm1, norm2, norm;
  Tensor positions;
};

}  // namespace
namespace tables {
extern const ModelInfo model_mnist_vit;
const ModelInfo model_mnist_vit{"mnist_vit",
                                "mnist_vit",
                                "",
                                nullptr,
                                nullptr,
                                []() -> std::unique_ptr<Model> { return std::make_unique<MnistVit>(); },
                                "Dosovitskiy et al. 2021; layer: Vaswani et al. 2017",
                                "encoder.0.attn.in_proj_weight"};
}  // namespace tables
}  // namespace ridge
