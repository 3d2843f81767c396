// The text encoders beside CLIP's and SigLIP's image encoders: token and position tables, pre-norm layers, a
// final norm.
#pragma once
#include "nn/vision.h"

namespace ridge {

struct TextTower {
  int64_t vocab = 0, context = 0;
  PreNormLayers layers;
  bool causal = true;
  Tensor embed, positions;
  LayerNorm norm;

  // vocab_size and max_position_embeddings beside the layers' settings, with the values there are as
  // defaults.
  void config(ConfigKeys& keys);
  // `hf` is what stands before all of the tower's names.
  void visit(WeightVisitor& v, const std::string& hf);
  // The normed outputs f32 [tokens, dim]. An Error(Fault::usage) where a text is longer than `context`.
  Tensor operator()(Context& cx, const Batch& texts) const;
};

}  // namespace ridge
