// MobileVLM (Chu et al. 2023) and MobileVLM V2 (Chu et al. 2024): CLIP, a projector that leaves a quarter of
// the tokens, MobileLLaMA.
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "models/registry.h"
#include "nn/image_text.h"
#include "ops/add/add.h"
#include "ops/average_pool/average_pool.h"
#include "ops/depthwise_conv2d/depthwise_conv2d.h"
#include "ops/multiply/multiply.h"
#include "ops/scatter_rows/scatter_rows.h"
#include "ops/view/view.h"

namespace ridge {
namespace {

// CLIP ViT-L/14 at 336 pixels, which a configuration without a vision_config means.
constexpr const char* kVision = R"({"model_type": "clip_vision_model", "hidden_size": 1024,
  "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16, "image_size": 336,
  "patch_size": 14})";

// A depthwise kernel of 3 x 3: as the file has it, and as the op reads it once it is there.
struct Depthwise {
  Tensor file, taps;  // f32 [channels, 9], [9, channels]
  void visit(WeightVisitor& v, const std::string& gguf, const std::string& hf, int64_t channels) {
    v.vector(file, gguf, hf, {channels, 9});
  }
  void ready(Device& device) {
    if (!file) return;
    const int64_t channels = file.dim(0);
    taps = device.make(f32, {9, channels});
    if (!taps.has_data()) return;
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t t = 0; t < 9; ++t) taps.ptr<float>()[t * channels + c] = file.ptr<float>()[c * 9 + t];
  }
};

// An inverted residual block without expansion (Howard et al. 2019, figure 4): depthwise convolution,
// squeeze-and-excitation, pointwise convolution.
struct InvertedResidual {
  Depthwise kernel;
  LayerNorm norm, out_norm;
  Linear squeeze, excite, pointwise;
  int64_t stride = 1;

  void visit(WeightVisitor& v, const std::string& gguf, const std::string& hf, int64_t dim,
             int64_t squeezed) {
    kernel.visit(v, gguf + "0.0.weight", hf + "0.0.weight", dim);
    norm.visit(v, gguf + "0.1", hf + "0.1", dim);
    squeeze.visit(v, gguf + "1.fc1", hf + "1.fc1", {squeezed, dim}, true);
    excite.visit(v, gguf + "1.fc2", hf + "1.fc2", {dim, squeezed}, true);
    pointwise.visit(v, gguf + "2.0", hf + "2.0", {dim, dim}, false);
    out_norm.visit(v, gguf + "2.1", hf + "2.1", dim);
  }

  // One image, f32 [1, height, width, dim].
  Tensor operator()(Context& cx, const Tensor& x) const {
    const Tensor h =
        activation(cx, norm(cx, depthwise_conv2d(cx, x, kernel.taps, {}, stride)), Activation::hard_swish);
    const int64_t dim = x.dim(3);
    Tensor s = average_pool(cx, h, 1, 1).reshape({1, dim});
    s = activation(cx, excite(cx, activation(cx, squeeze(cx, s), Activation::relu)),
                   Activation::hard_sigmoid);
    const Tensor y = out_norm(cx, pointwise(cx, multiply(cx, h, s.reshape({dim}))));
    return stride == 1 ? add(cx, x, y) : y;
  }
};

class MobileVlm final : public ImageText {
  int32_t image_token() const override { return -200; }
  std::string chat_prompt(const std::string& text) const override {
    return "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
           "helpful, "
           "detailed, and polite answers to the user's questions. " +
           ImageText::chat_prompt(text);
  }

  void config(ConfigKeys& keys) override {
    ConfigKeys whole = keys.within("");
    ConfigKeys vision_keys = keys.within("vision_config", kVision);
    if (keys.is_reading())
      language = make_model("llama", whole);
    else
      language->config(whole);
    config_vision(vision_keys);
    whole.text(projector, "mm_projector_type", nullptr, "ldpnet");
    std::string feature = first_row ? "cls_patch" : "patch";
    whole.text(feature, "mm_vision_select_feature", nullptr, "patch");
    if (!keys.is_reading()) {
      if (Json* out = whole.json_out()) (*out)["mm_vision_select_layer"] = chosen[0];
      return;
    }
    if (const auto it = whole.json_in()->find("mm_vision_select_layer"); it != whole.json_in()->end()) {
      if (!it->is_number_integer())
        fail(Fault::file, "{}: \"mm_vision_select_layer\" in config.json is {}, expected an integer",
             keys.what(), printable(it->dump(), 40));
      chosen = {it->get<int64_t>()};
    }
    check_chosen(keys);
    if (feature != "patch")
      fail(Fault::file,
           "{}: mm_vision_select_feature \"{}\" is not supported: the projector needs a grid of "
           "patches (\"patch\")",
           keys.what(), printable(feature));
    if (projector != "ldpnet" && projector != "ldpnetv2")
      fail(Fault::file, "{}: mm_projector_type \"{}\" is not supported (known: ldpnet, ldpnetv2)",
           keys.what(), printable(projector));
    second_version = projector == "ldpnetv2";
    blocks[1].stride = 2;
    tower = "model.vision_tower.vision_tower.";
    if (keys.has_tensor(tower + "vision_model.embeddings.patch_embedding.weight")) tower += "vision_model.";
  }

  void visit(WeightVisitor& v) override {
    visit_vision(v, tower);
    const int64_t dim = language->size().dim, from = vision.layers.dim;
    const std::string hf = "model.mm_projector.";
    if (second_version) {
      up.visit(v, "mm.model.mlp.0", hf + "mlp.mlp.0", {dim, from}, true);
      down.visit(v, "mm.model.mlp.2", hf + "mlp.mlp.2", {dim, dim}, true);
      peg.visit(v, "mm.model.peg.0.weight", hf + "peg.peg.0.weight", dim);
      v.vector(peg_bias, "mm.model.peg.0.bias", hf + "peg.peg.0.bias", {dim});
    } else {
      up.visit(v, "mm.model.mlp.1", hf + "model.mlp.1", {dim, from}, true);
      down.visit(v, "mm.model.mlp.3", hf + "model.mlp.3", {dim, dim}, true);
      // A quarter of the channels, as the nearest multiple of 8 that takes off no more than a tenth.
      int64_t squeezed = std::max<int64_t>(8, (dim / 4 + 4) / 8 * 8);
      if (10 * squeezed < 9 * (dim / 4)) squeezed += 8;
      for (int i = 0; i < 2; ++i) {
        const std::string block = "model.mb_block." + std::to_string(i + 1) + ".block.";
        blocks[i].visit(v, "mm." + block, hf + block, dim, squeezed);
      }
    }
    visit_language(v, [](const std::string& name) { return name; });
  }

  void ready(Device& device) override {
    ImageText::ready(device);
    peg.ready(device);
    for (auto& b : blocks) b.kernel.ready(device);
  }

  Tensor project(Context& cx, const Tensor& features) override {
    const int64_t images = features.dim(0), n = features.dim(1), dim = language->size().dim;
    const auto side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(n))));
    if (side * side != n) fail(Fault::usage, "mobilevlm: {} patches are no square image", n);
    const Tensor x =
        down(cx, activation(cx, up(cx, features), Activation::gelu)).reshape({images, side, side, dim});
    if (second_version) {
      const Tensor pooled = average_pool(cx, x, 12, 12);
      return add(cx, pooled, depthwise_conv2d(cx, pooled, peg.taps, peg_bias, 1)).reshape({images, 144, dim});
    }
    // Squeeze-and-excitation scales the channels of each image on its own.
    const int64_t half = (side + 1) / 2, rows = half * half;
    const Tensor all = cx.make(f32, {images * rows, 1, dim});
    for (int64_t i = 0; i < images; ++i) {
      const Tensor y = blocks[1](cx, blocks[0](cx, x.slice(0, i, i + 1)));
      std::vector<int32_t> to;
      for (int64_t r = 0; r < rows; ++r) to.push_back(static_cast<int32_t>(i * rows + r));
      scatter_rows(cx, y.reshape({rows, 1, dim}), all, cx.from_host(to.data(), rows));
    }
    return all.reshape({images, rows, dim});
  }

  std::string projector, tower;
  bool second_version = false;
  Linear up, down;
  InvertedResidual blocks[2];
  Depthwise peg;
  Tensor peg_bias;
};

}  // namespace
namespace tables {
extern const ModelInfo model_mobilevlm;
const ModelInfo model_mobilevlm{"mobilevlm",
                                "mobilevlm",
                                "MobileLlamaForCausalLM",
                                nullptr,
                                nullptr,
                                []() -> std::unique_ptr<Model> { return std::make_unique<MobileVlm>(); },
                                "Chu et al. 2023, 2024"};
}  // namespace tables
}  // namespace ridge
