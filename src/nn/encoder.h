// What text encoders share: texts as one flat batch, heads for what a checkpoint was made for, and the names
// of their outputs.
#pragma once
#include <string>
#include <vector>

#include "nn/layers.h"
#include "nn/model.h"
#include "nn/step.h"

namespace ridge {

// What a checkpoint is made for, by the end of its class's name (BertForMaskedLM).
enum class EncoderTask { model, masked_lm, pretraining, sequence, token, question, next_sentence };
const char* task_class_end(EncoderTask task);  // "Model", "ForMaskedLM" ...

// One pass over texts. Tokens of all texts lie end to end.
struct TextStep {
  TextStep(Context& cx, const Batch& batch);

  Step step;                               // ids, positions within the text, spans
  Tensor types;                            // i32 [tokens]
  std::vector<AttentionSegment> segments;  // queries and keys of each text, without its padding
  std::vector<int32_t> first;              // the first token of each text
  const Batch& batch;

  // Attention of each text within itself; q, k, v [tokens, heads, d].
  Tensor attend(Context& cx, const Tensor& q, const Tensor& k, const Tensor& v, AttentionOptions o) const {
    o.causal = false;
    return attention(cx, q, k, v, segments, o);
  }
};

// out(norm(act(dense x))): the heads of all tasks. Parts that have no weights are left out.
struct TaskHead {
  Linear dense, out;
  LayerNorm norm;
  Activation act = Activation::gelu;
  Tensor body(Context& cx, const Tensor& x) const;  // without the projection `out`
  Tensor operator()(Context& cx, const Tensor& x) const;
};

class TextEncoder : public Model {
 public:
  ModelKind kind() const override { return ModelKind::encoder; }
  ModelSize size() const override { return {vocab, dim, layers_count, context}; }
  // "last_hidden_state" [tokens, dim]; "pooler_output" [texts, dim] where there is a pooler; by task "logits"
  // ([tokens, vocab], [tokens, labels], [texts, labels]; of tokens only those in Batch::outputs),
  // "start_logits" and "end_logits" [tokens], "prediction_logits" and "seq_relationship_logits".
  Outputs encode(Context& cx, const Inputs& inputs, const std::set<std::string>& wanted) override;
  std::string hf_class() const override;
  EncoderTask made_for() const { return task; }

 protected:
  virtual Tensor embed(Context& cx, const TextStep& step) = 0;
  virtual Tensor block(Context& cx, int layer, const Tensor& x, const TextStep& step) = 0;
  virtual Tensor final_norm(Context&, const Tensor& x) { return x; }
  // [texts, n], what the head of a whole text reads: the first token's, or the pooler's output.
  virtual Tensor summary(Context& cx, const Tensor& x, const TextStep& step);
  // The start of the class's name: "Bert".
  virtual const char* class_begin() const = 0;

  // tanh(pooler x_first), [texts, dim]
  Tensor pooled(Context& cx, const Tensor& x, const TextStep& step) const;
  Tensor first_rows(Context& cx, const Tensor& x, const TextStep& step) const;
  // The mean over the tokens of each text, [texts, n].
  static Tensor mean_rows(Context& cx, const Tensor& x, const TextStep& step);

  // Reads or writes the task and the number of labels. Reading GGUF: by the tensors of the heads. `prefix`
  // is what the base model's names begin with in the checkpoints of tasks ("bert."); `known` a tensor behind
  // it that every checkpoint has. Sets `top` to what they begin with here.
  void task_keys(ConfigKeys& keys, const std::string& prefix, const std::string& known);
  void activation_key(ConfigKeys& keys, const char* hf, const char* by_default);
  void check_sizes(const ConfigKeys& keys) const;
  // Reads or writes whether the masked-token head's matrix is the token table.
  void tying(ConfigKeys& keys);
  // Visits the head's matrix [vocab, dim] (where it is not the table) and its bias [vocab]. Untied heads of
  // some checkpoints have a bias of the matrix, hf + "decoder.bias", beside one that nothing reads.
  void visit_decoder(WeightVisitor& v, const std::string& hf_weight, const std::string& hf_bias,
                     bool with_bias = true);

  int64_t vocab = 0, dim = 0, layers_count = 0, heads = 0, hidden = 0, context = 0, labels = 2;
  float eps = 1e-12f;
  EncoderTask task = EncoderTask::model;
  std::string top, act_name;
  Activation act = Activation::gelu;
  bool tied = true, has_pooler = false;
  Tensor words;  // [vocab, dim]
  Linear pooler;
  TaskHead head;
  Linear relation;  // pretraining: [2, dim], whether the second text follows the first

 private:
  Tensor hidden_states(Context& cx, const TextStep& step);
  Tensor task_logits(Context& cx, const Tensor& x, const TextStep& step);
  std::vector<std::string> label_names_;
  bool two_biases_ = false;
  Tensor unread_bias_;
};

// The labels that a configuration names (id2label in order of its ids), or num_labels times "LABEL_i"; empty
// where it says neither.
std::vector<std::string> label_names(const ConfigKeys& keys);

}  // namespace ridge
