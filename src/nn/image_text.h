// Language models that see (Liu et al. 2023): a vision tower, a projector, and the outputs of the projector
// among the rows of the prompt. An architecture's file says where its settings and weights are and what its
// projector is.
#pragma once
#include "nn/vision.h"

namespace ridge {

class ImageText : public ImageModel {
 public:
  Shape image_shape() const override { return vision.image_shape(); }
  const char* image_family() const override { return "Llava"; }
  ModelSize size() const override { return language->size(); }
  std::vector<Rope*> ropes() override { return language->ropes(); }
  std::unique_ptr<State> make_state(Device& device, int slots, int64_t capacity, DType kv) const override {
    return language->make_state(device, slots, capacity, kv);
  }
  void ready(Device& device) override { language->ready(device); }

  // f32 [images, rows, dim of the language model].
  Tensor image_tokens(Context& cx, const Tensor& pixels) override;
  // What the projector is given: the chosen hidden states of the tower, f32 [images, rows, dim of the tower].
  Tensor vision_features(Context& cx, const Tensor& pixels);

  // The id that stands for an image in a prompt.
  virtual int32_t image_token() const = 0;
  // The prompt of a user who says `text`, with <image> where each image stands, in the words that the
  // published models were trained with; for checkpoints without a chat template.
  virtual std::string chat_prompt(const std::string& text) const { return "USER: " + text + " ASSISTANT:"; }

  // A prompt with images: every id image_token(), or run of as many as an image has rows, becomes the rows of
  // the next image, Batch::kEmbedding each. `rows` is dim(1) of image_tokens(). An Error(Fault::usage) where
  // the prompt asks for another number of images than `images`.
  std::vector<int32_t> expand(const std::vector<int32_t>& ids, int64_t images, int64_t rows) const;

 protected:
  Tensor run(Context& cx, const Batch& batch, State* state) override {
    return run_of(*language, cx, batch, state);
  }
  Tensor run_hidden(Context& cx, const Batch& batch, State* state) override {
    return run_hidden_of(*language, cx, batch, state);
  }
  // features f32 [images, rows, n] -> f32 [images, rows', dim of the language model]
  virtual Tensor project(Context& cx, const Tensor& features) = 0;

  // Reads the tower's settings, CLIP's or SigLIP's by its model_type.
  void config_vision(ConfigKeys& keys);
  // The tower's weights, which stand behind `hf`, and the norm behind its last layer, which nothing here
  // uses.
  void visit_vision(WeightVisitor& v, const std::string& hf);
  // Fails where a chosen layer is not there.
  void check_chosen(const ConfigKeys& keys) const;
  // The language model's weights under other names in Hugging Face checkpoints.
  void visit_language(WeightVisitor& v, const std::function<std::string(const std::string&)>& rename);

  std::unique_ptr<Model> language;
  VisionTower vision;
  std::vector<int64_t> chosen{-2};  // hidden states that are seen, side by side
  bool first_row = false;           // whether the first of the tower's rows is seen too
};

}  // namespace ridge
