#include "nn/image_text.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "ops/concat/concat.h"
#include "ops/view/view.h"

namespace ridge {

Tensor ImageText::vision_features(Context& cx, const Tensor& pixels) {
  const auto states = vision.hidden_states(cx, pixels, chosen);
  const int64_t images = pixels.dim(0), rows = vision.rows(pixels);
  Tensor x = states[0];
  for (size_t i = 1; i < states.size(); ++i)
    x = concat(cx, reshape(cx, x, {x.dim(0), 1, x.dim(-1)}),
               reshape(cx, states[i], {x.dim(0), 1, states[i].dim(-1)}));
  x = reshape(cx, x, {images, rows, x.dim(-1)});
  return first_row ? x : contiguous(cx, slice(cx, x, 1, 1, rows));
}

Tensor ImageText::image_tokens(Context& cx, const Tensor& pixels) {
  const Tensor features = vision_features(cx, pixels);
  const Context::Scope scope(cx, "projector");
  return project(cx, features);
}

std::vector<int32_t> ImageText::expand(const std::vector<int32_t>& ids, int64_t images, int64_t rows) const {
  std::vector<int32_t> out;
  int64_t asked = 0;
  for (size_t i = 0; i < ids.size();) {
    if (ids[i] != image_token()) {
      out.push_back(ids[i++]);
      continue;
    }
    size_t run = 1;
    while (i + run < ids.size() && ids[i + run] == image_token()) ++run;
    const auto n = static_cast<int64_t>(run);
    const int64_t here = n % rows == 0 ? n / rows : n;  // already expanded, or an id an image
    asked += here;
    if (asked <= images) out.insert(out.end(), static_cast<size_t>(here * rows), Batch::kEmbedding);
    i += run;
  }
  if (asked != images)
    fail(Fault::usage, "the prompt has places for {} images, and there {} {}", asked,
         images == 1 ? "is" : "are", images);
  return out;
}

void ImageText::config_vision(ConfigKeys& keys) {
  const std::string type = keys.json_in() ? keys.json_in()->value("model_type", "clip_vision_model") : "";
  PreNormLayers& l = vision.layers;
  if (keys.is_reading()) {
    if (type == "siglip_vision_model") {
      vision.names = &kSiglipVision;
      l.eps = 1e-6f, l.act_name = "gelu_pytorch_tanh";
    } else if (type == "clip_vision_model" || type == "clip") {
      vision.patch_bias = false;
      l.eps = 1e-5f, l.act_name = "quick_gelu";
    } else {
      fail(Fault::file,
           "{}: a vision tower of type \"{}\" is not supported (known: clip_vision_model, "
           "siglip_vision_model)",
           keys.what(), printable(type));
    }
  }
  vision.config(keys);
}

void ImageText::visit_vision(WeightVisitor& v, const std::string& hf) {
  vision.visit(v, hf);
  Tensor unused;
  const int64_t dim = vision.layers.dim;
  v.vector(unused, "v.post_ln.weight", hf + "post_layernorm.weight", {dim}, {.optional = true});
  v.vector(unused, "v.post_ln.bias", hf + "post_layernorm.bias", {dim}, {.optional = true});
  if (vision.names == &kSiglipVision) visit_unused_head(v, hf + "head.", dim, vision.layers.hidden);
}

void ImageText::check_chosen(const ConfigKeys& keys) const {
  const int64_t count = vision.layers.count;
  for (const int64_t i : chosen)
    if (i > count || i < -count - 1)
      fail(Fault::file, "{}: hidden state {} of a vision tower of {} layers is asked for", keys.what(), i,
           count);
  if (chosen.empty() || chosen.size() > 64)
    fail(Fault::file, "{}: {} hidden states of the vision tower are asked for", keys.what(), chosen.size());
}

namespace {

class Renamed final : public WeightVisitor {
 public:
  Renamed(WeightVisitor& inner, const std::function<std::string(const std::string&)>& rename)
      : inner_(inner), rename_(rename) {}
  void visit(Tensor& t, const WeightSpec& spec) override {
    WeightSpec other = spec;
    for (std::string& name : other.hf) name = rename_(name);
    inner_.visit(t, other);
  }

 private:
  WeightVisitor& inner_;
  const std::function<std::string(const std::string&)>& rename_;
};

}  // namespace

void ImageText::visit_language(WeightVisitor& v,
                               const std::function<std::string(const std::string&)>& rename) {
  Renamed renamed(v, rename);
  language->visit(renamed);
}

}  // namespace ridge
