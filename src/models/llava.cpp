// LLaVA 1.5 (Liu et al. 2023): CLIP's penultimate hidden state, a two-layer MLP, and any language model that
// Ridge has.
#include "base/error.h"
#include "base/json.h"
#include "models/registry.h"
#include "nn/image_text.h"

namespace ridge {
namespace {

// What configurations leave out: the settings of Vicuna 7B, and of CLIP ViT-L/14 at 336 pixels.
constexpr const char* kText = R"({"model_type": "llama", "vocab_size": 32000, "hidden_size": 4096,
  "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32,
  "max_position_embeddings": 2048, "rms_norm_eps": 1e-6})";
constexpr const char* kVision = R"({"model_type": "clip_vision_model", "hidden_size": 1024,
  "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16, "image_size": 336,
  "patch_size": 14})";

class Llava final : public ImageText {
  int32_t image_token() const override { return static_cast<int32_t>(token); }

  void config(ConfigKeys& keys) override {
    ConfigKeys whole = keys.within("");
    const ConfigKeys given = keys.within("text_config");
    const bool llama =
        !given.json_in() || given.json_in()->value("model_type", "llama") == std::string("llama");
    ConfigKeys text_keys = keys.within("text_config", llama ? kText : "{}");
    ConfigKeys vision_keys = keys.within("vision_config", kVision);
    if (keys.is_reading())
      language = make_model(text_keys);
    else
      language->config(text_keys);
    config_vision(vision_keys);
    whole.integer(token, "image_token_index|image_token_id", nullptr, 32000);
    whole.text(act_name, "projector_hidden_act", nullptr, "gelu");
    whole.flag(bias, "multimodal_projector_bias", nullptr, true);
    std::string strategy = first_row ? "full" : "default";
    whole.text(strategy, "vision_feature_select_strategy", nullptr, "default");
    chosen_layers(whole);
    if (!keys.is_reading()) return;
    if (strategy != "default" && strategy != "full")
      fail(Fault::file, "{}: vision_feature_select_strategy \"{}\" is not supported (known: default, full)",
           keys.what(), printable(strategy));
    first_row = strategy == "full";
    act = activation_of(keys, act_name);
    check_chosen(keys);
    newer = keys.has_tensor("model.multi_modal_projector.linear_1.weight");
    tower = (newer ? "model." : "") + std::string("vision_tower.");
    if (keys.has_tensor(tower + "vision_model.embeddings.patch_embedding.weight")) tower += "vision_model.";
  }

  void chosen_layers(ConfigKeys& whole) {
    const Json* j = whole.json_in();
    if (Json* out = whole.json_out())
      (*out)["vision_feature_layer"] = chosen.size() == 1 ? Json(chosen[0]) : Json(chosen);
    if (!j) return;
    const auto it = j->find("vision_feature_layer");
    if (it == j->end() || it->is_null()) return;
    if (it->is_array()) return whole.integers(chosen, "vision_feature_layer", nullptr);
    if (!it->is_number_integer())
      fail(Fault::file, "{}: \"vision_feature_layer\" in config.json is {}, expected an integer or a list",
           whole.what(), printable(it->dump(), 40));
    chosen = {it->get<int64_t>()};
  }

  void visit(WeightVisitor& v) override {
    visit_vision(v, tower);
    const int64_t dim = language->size().dim, from = vision.layers.dim * static_cast<int64_t>(chosen.size());
    const std::string hf = std::string(newer ? "model." : "") + "multi_modal_projector.";
    first.visit(v, "mm.0", hf + "linear_1", {dim, from}, bias);
    second.visit(v, "mm.2", hf + "linear_2", {dim, dim}, bias);
    visit_language(v, [this](const std::string& name) {
      if (!newer) return "language_model." + name;
      return name.rfind("model.", 0) == 0 ? "model.language_model." + name.substr(6) : name;
    });
  }

  Tensor project(Context& cx, const Tensor& features) override {
    return second(cx, activation(cx, first(cx, features), act));
  }

  int64_t token = 32000;
  std::string act_name, tower;
  Activation act = Activation::gelu;
  bool bias = true;
  bool newer = false;  // names of transformers 5
  Linear first, second;
};

}  // namespace
namespace tables {
extern const ModelInfo model_llava;
const ModelInfo model_llava{
    "llava",          "llava", "LlavaForConditionalGeneration",
    nullptr,          nullptr, []() -> std::unique_ptr<Model> { return std::make_unique<Llava>(); },
    "Liu et al. 2023"};
}  // namespace tables
}  // namespace ridge
