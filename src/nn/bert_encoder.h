// BERT's body (Devlin et al. 2019) and those built on it: words + positions + segments, a norm, then layers
// whose norms stand behind the residual additions. RoBERTa, DistilBERT, Longformer, BigBird and FNet differ
// in names, positions and what mixes the tokens.
#pragma once
#include "nn/encoder.h"

namespace ridge {

struct BertLayer {
  Linear q, k, v, o;
  LayerNorm attention_norm, output_norm;
  Mlp mlp;
};

class BertEncoder : public TextEncoder {
 protected:
  Tensor embed(Context& cx, const TextStep& step) override;
  Tensor block(Context& cx, int layer, const Tensor& x, const TextStep& step) override;
  void ready(Device&) override {}

  // What a layer adds to its input before the first norm: attention's output projection.
  virtual Tensor mix(Context& cx, int layer, const Tensor& x, const TextStep& step);
  // Queries [tokens, heads, d] to values mixed, [tokens, heads, d].
  virtual Tensor attend(Context& cx, int layer, const Tensor& q, const Tensor& k, const Tensor& v,
                        const TextStep& step);
  // f32 [tokens, dim]; an Error where a text is longer than the table of positions.
  Tensor position_embeddings(Context& cx, const TextStep& step) const;

  // The keys of BERT's config.json that all but DistilBERT have; refuses what is not an encoder.
  void bert_keys(ConfigKeys& keys, int64_t default_vocab, int64_t default_positions, int64_t default_types,
                 const char* default_act);
  void make_layers();
  Tensor heads_of(Context& cx, const Tensor& x) const;  // [tokens, dim] as [tokens, heads, d]
  float attention_scale() const;

  // Names below `top`, as BERT has them.
  void visit_embeddings(WeightVisitor& v);
  void visit_layer(WeightVisitor& v, int64_t i, bool bias = true, bool with_attention = true);
  // BERT's masked-token head, cls.predictions.*, and with it cls.seq_relationship.
  void visit_predictions(WeightVisitor& v);
  // RoBERTa's: lm_head.*
  void visit_lm_head(WeightVisitor& v);
  // A dense layer and the projection to the labels, RoBERTa's and BigBird's.
  void visit_dense_classifier(WeightVisitor& v);
  void visit_labels(WeightVisitor& v, const std::string& hf);
  // Whether the checkpoint being read has a pooler; without a checkpoint, whether the task needs one.
  void find_pooler(const ConfigKeys& keys, const std::string& hf, bool task_needs);

  int64_t types = 2;
  // >= 0: positions count the tokens other than this one, which has no position itself, and the table begins
  // with rows up to it that no text reads (RoBERTa).
  int64_t counted_without = -1;
  bool attends = true;   // false: layers have no heads (FNet)
  float word_scale = 1;  // of the rows of the word table
  Tensor positions, segments;
  LayerNorm embedding_norm;
  Linear projection;  // FNet: behind the norm
  std::vector<BertLayer> layers;
};

}  // namespace ridge
