// What encoder-decoders share (Vaswani et al. 2017): a source is encoded once, the keys and values that every
// decoder layer looks up are kept, and the decoder writes the answer token by token with a KV cache of its
// own.
#pragma once
#include <vector>

#include "nn/attention.h"
#include "nn/layers.h"
#include "nn/model.h"
#include "nn/step.h"

namespace ridge {

// Attention of a decoder layer over the encoded source.
struct CrossAttention {
  Linear q, k, v, o;
  int64_t heads = 0, d = 0;

  // x f32 [tokens, dim].
  Tensor operator()(Context& cx, const Tensor& x, const Step& step, int layer, float scale) const;
};

class Seq2Seq : public Model {
 public:
  ModelKind kind() const override { return ModelKind::sequence_to_sequence; }
  // "last_hidden_state": the encoder's output.
  Outputs encode(Context& cx, const Inputs& inputs, const std::set<std::string>& wanted) override;
  Tensor remember_source(Context& cx, const Inputs& source, State& state) override;
  // A KV cache for the decoder's tokens beside the memory of the sources. A state that is a CrossMemory alone
  // serves too: each span is then a sequence from its start, and every op is differentiable.
  std::unique_ptr<State> make_state(Device& device, int slots, int64_t capacity, DType kv) const override;
  ModelSize size() const override { return {vocab, dim, static_cast<int64_t>(decoder_layers), context}; }

 protected:
  Tensor run(Context& cx, const Batch& batch, State* state) override;
  Tensor run_hidden(Context& cx, const Batch& batch, State* state) override;

  // f32 [source tokens, dim], in the order of the spans (or of the sequences of features).
  virtual Tensor encode_source(Context& cx, const Inputs& source) = 0;
  // What the head takes, of the wanted tokens: f32 [wanted, dim].
  virtual Tensor decode(Context& cx, const Step& step) = 0;
  virtual Tensor logits(Context& cx, const Tensor& x) = 0;
  virtual const CrossAttention& cross(int layer) const = 0;
  virtual KvCache::Layer cache_layer() const = 0;

  int64_t vocab = 0, dim = 0, context = 0;  // vocab: of the answer
  int decoder_layers = 0;
};

// The layers of BART and its kin (Marian, mBART, Whisper): biases, layer norms after each part as in the 2017
// Transformer, or before.
struct BartLayer {
  LayerNorm self_norm, cross_norm, mlp_norm;
  AttentionBlock self;
  CrossAttention cross;  // without weights in the encoder
  Mlp mlp;
};

class BartStacks : public Seq2Seq {
 public:
  ModelSize size() const override;

 protected:
  struct Stack {
    int64_t layers_count = 0, heads = 0, hidden = 0;
    std::vector<BartLayer> layers;
    LayerNorm embedding_norm, final_norm;
  };
  // Reads or writes widths, layers, heads and activation by the names that these architectures share.
  // `hidden`, `layers`, `heads`: what a missing key means.
  struct Sizes {
    int64_t dim, layers, heads, hidden;
  };
  void stack_sizes(ConfigKeys& keys, const Sizes& by_default);
  void visit_stack(WeightVisitor& v, Stack& stack, const std::string& hf, bool is_decoder);

  Tensor encoder_layers(Context& cx, Tensor x, const Step& step) const;
  // All layers, the wanted rows, the last norm.
  Tensor decoder_layers_of(Context& cx, Tensor x, const Step& step) const;

  const CrossAttention& cross(int layer) const override {
    return decoder.layers[static_cast<size_t>(layer)].cross;
  }
  KvCache::Layer cache_layer() const override {
    return {decoder.heads, dim / decoder.heads, dim / decoder.heads};
  }

  Stack encoder, decoder;
  bool norm_before = false, with_embedding_norm = false, with_final_norm = false, key_bias = true;
  Activation act = Activation::gelu;
  std::string act_name;
};

// Sinusoids (Vaswani et al. 2017, section 3.5) in the layout that puts all sines first, as Marian's
// checkpoints expect: f32 [rows, dim].
Tensor sinusoids(Device& device, int64_t rows, int64_t dim);

// The tables of tokens, which may be one: the source's, the answer's and the head's weight. A checkpoint may
// have the one under any of its names.
struct TokenTables {
  Tensor source, target, head;
  bool shared = true;     // source and answer have one table
  bool tied_head = true;  // the head is the answer's table

  // Chooses the names by the tensors that the checkpoint has. `tie`, `share`: whether the head is tied and
  // the tables are one where no checkpoint is read or it does not say.
  void choose(const ConfigKeys& keys, bool tie, bool share, const char* prefix, const char* head_name);
  void visit(WeightVisitor& v, int64_t source_vocab, int64_t target_vocab, int64_t dim);
  // Of a model whose source is no text: the answer's table and the head.
  void visit_target(WeightVisitor& v, int64_t vocab, int64_t dim);
  const Tensor& of_source() const { return source; }
  const Tensor& of_target() const { return shared ? source : target; }
  const Tensor& of_head() const { return tied_head ? of_target() : head; }

 private:
  std::string source_name_, target_name_, head_name_;
};

}  // namespace ridge
