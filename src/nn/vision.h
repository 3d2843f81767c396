// Vision transformers (Dosovitskiy et al. 2021): patches of an image as tokens, learned positions, pre-norm
// layers. What ViT, DeiT, DINOv2, CLIP and SigLIP share; their files say what differs.
#pragma once
#include <string>
#include <vector>

#include "nn/layers.h"
#include "nn/model.h"
#include "ops/attention/segment.h"

namespace ridge {

// Where a family's checkpoints keep the weights of a layer: names behind the layer's own.
struct PreNormNames {
  const char *norm1, *q, *k, *v, *o, *norm2, *up, *down;
};
extern const PreNormNames kClipLayer;  // "layer_norm1", "self_attn.q_proj" ...: CLIP, SigLIP

// Pre-norm layers without a cache: x += scale1 attention(norm1(x)); x += scale2 mlp(norm2(x)).
struct PreNormLayers {
  struct Layer {
    LayerNorm norm1, norm2;
    Linear q, k, v, o, up, down;
    Tensor scale1, scale2;  // f32 [dim]: LayerScale (Touvron et al. 2021), or empty
  };
  int64_t dim = 0, count = 0, heads = 0, hidden = 0;
  float eps = 1e-6f;
  bool qkv_bias = true, layer_scale = false;
  bool gated = false;  // SwiGLU: the first half of `up` gates the second
  Activation act = Activation::gelu;
  std::string act_name;
  std::vector<Layer> layers;

  // hidden_size, num_hidden_layers, num_attention_heads, intermediate_size, hidden_act, layer_norm_eps; what
  // a configuration leaves out has the value that is there already.
  void config(ConfigKeys& keys);
  // Makes the layers; fails on sizes that make none. To be called once the settings are known.
  void resize(const std::string& what);
  // `gguf` is "v.blk." of a vision tower, "t.blk." of a text tower; `hf` stands before the layer's number.
  void visit(WeightVisitor& v, const std::string& gguf, const std::string& hf, const PreNormNames& names);

  // One layer over x f32 [tokens, dim], a segment a sequence.
  Tensor operator()(Context& cx, int layer, const Tensor& x, const std::vector<AttentionSegment>& segments,
                    bool causal) const;
  // All of them.
  Tensor operator()(Context& cx, Tensor x, const std::vector<AttentionSegment>& segments, bool causal) const;
};

// Where a family's checkpoints keep what surrounds the layers.
struct VisionNames {
  std::vector<const char*> special;  // the rows before the patches: class token, distillation token
  const char *patch, *positions, *layers;
  const char* pre_norm;  // null: none
  PreNormNames layer;
};
extern const VisionNames kClipVision, kSiglipVision;

// An image encoder up to its last layer, without the norm and the heads behind it.
struct VisionTower {
  const VisionNames* names = &kClipVision;
  PreNormLayers layers;
  int64_t channels = 3;
  int64_t image[2] = {224, 224}, patch_size[2] = {16, 16};  // height, width
  bool patch_bias = true;

  Shape image_shape() const { return {channels, image[0], image[1]}; }
  // The layers' settings, num_channels, image_size and patch_size (a number, or [height, width]).
  void config(ConfigKeys& keys);
  // `hf` is what stands before all of the tower's names.
  void visit(WeightVisitor& v, const std::string& hf);

  // Tokens of an image: the special ones, then a row a patch.
  int64_t special() const { return static_cast<int64_t>(names->special.size()); }
  int64_t patches_of(const Tensor& pixels) const;
  int64_t rows(const Tensor& pixels) const { return special() + patches_of(pixels); }

  // pixels f32 [images, channels, height, width] -> f32 [images * rows, dim], before the first layer.
  // Positions are interpolated (bicubic) for images of another size. An Error(Fault::usage) where the
  // channels differ or an image is smaller than a patch.
  Tensor embed(Context& cx, const Tensor& pixels) const;
  std::vector<AttentionSegment> segments(const Tensor& pixels) const;  // an image each
  Tensor operator()(Context& cx, const Tensor& pixels) const;          // all layers
  // hidden_states[i] for each of `which` (0: before the first layer; negative: from the last).
  std::vector<Tensor> hidden_states(Context& cx, const Tensor& pixels,
                                    const std::vector<int64_t>& which) const;

  // Of x [images * rows, n]: row `index` of each image, [images, n]; and the mean of the patches' rows.
  Tensor row(Context& cx, const Tensor& x, const Tensor& pixels, int64_t index) const;
  Tensor mean_of_patches(Context& cx, const Tensor& x, const Tensor& pixels) const;

 private:
  Tensor positions_for(Context& cx, int64_t down, int64_t across) const;
  std::vector<Tensor> special_;  // f32 [dim] each
  Linear patch_;
  Tensor positions_;  // f32 [special + patches, dim]
  LayerNorm pre_norm_;
};

// Visits SigLIP's pooling head where a checkpoint has it and the model does not use it: a copy keeps it.
void visit_unused_head(WeightVisitor& v, const std::string& hf, int64_t dim, int64_t hidden);

// Models whose encode() or image_tokens() reads images.
class ImageModel : public Model {
 public:
  // [channels, height, width] of the images it was trained with.
  virtual Shape image_shape() const = 0;
  // The family of image processors that prepares them (image/preprocess.h) where its folder does not say.
  virtual const char* image_family() const = 0;
  // `count` images, and for models that read both as many texts.
  Inputs sample_input(Device& device, int64_t length, int count) const override;
};

// x / |x|, rows of the last dimension.
Tensor normalize_rows(Context& cx, const Tensor& x);

// The activation of that name; an Error(Fault::file) where there is none.
Activation activation_of(const ConfigKeys& keys, const std::string& name);
// Whether a checkpoint's class (config.json "architectures") ends so; `otherwise` where none is named.
bool class_ends_with(const ConfigKeys& keys, const std::string& end, bool otherwise);
// The number of classes: of id2label, else num_labels, else 2.
int64_t label_count(const ConfigKeys& keys);
// Writes it as num_labels, where config.json is written.
void write_label_count(ConfigKeys& keys, int64_t labels);
// A number, or a list of two ([height, width]), of config.json.
void size_pair(ConfigKeys& keys, int64_t (&pair)[2], const char* hf, int64_t most);

}  // namespace ridge
