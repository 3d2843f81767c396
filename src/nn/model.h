// A model: settings, weights, and one forward function that is run, priced, timed and differentiated.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "context/context.h"
#include "nn/config_keys.h"
#include "nn/weights.h"
#include "state/batch.h"
#include "state/state.h"

namespace ridge {

// What every decoder-only architecture has; filled by its config().
struct ModelSize {
  int64_t vocab = 0, dim = 0, layers = 0, context = 0;
};

// What a model is for, and so which of its functions answer.
enum class ModelKind {
  decoder,              // forward(): the next token
  encoder,              // encode(): outputs of a whole input (texts, images, real-valued sequences)
  sequence_to_sequence  // remember_source(), then forward() writes the answer
};

// What an encoder is given: those that it reads are not empty.
struct Inputs {
  Batch text;       // a span a text
  Tensor pixels;    // f32 [images, channels, height, width], preprocessed
  Tensor features;  // f32 [sequences, mels, frames] (audio) or [sequences, length, channels] (S4)
};
// By the published names of outputs: "last_hidden_state", "pooler_output", "logits", "image_embeds" ...
// Outputs a token of texts are flat, [tokens, n], in the order of the spans.
using Outputs = std::map<std::string, Tensor>;

class Rope;
struct ModelInfo;

class Model {
 public:
  virtual ~Model() = default;

  // Reads or writes the settings. After reading, visit() knows every shape.
  virtual void config(ConfigKeys& keys) = 0;
  virtual void visit(WeightVisitor& weights) = 0;
  // Called once the weights are there: derived tensors (RoPE frequencies ...) are made on `device`.
  virtual void ready(Device& device) = 0;

  // Runs the batch's tokens; returns logits f32 [wanted tokens, vocab]. `state` may be null: each span is
  // then a sequence from its start, nothing is remembered, and every op is differentiable. With a state the
  // tokens are remembered.
  Tensor forward(Context& cx, const Batch& batch, State* state);

  // The same up to the head: the normed output of the last layer, f32 [wanted tokens, dim]. For embeddings.
  Tensor hidden(Context& cx, const Batch& batch, State* state);

  // The outputs named in `wanted` (all, where it is empty) of an input; each span is a text of its own.
  // Nothing is remembered. An Error(Fault::usage) where the model has no such outputs.
  virtual Outputs encode(Context& cx, const Inputs& inputs, const std::set<std::string>& wanted);

  // Encoder-decoders: encodes the sources, a span (or sequence of features) each, and keeps what the decoder
  // looks up in the slots that the spans name (features: slots 0, 1 ...). Returns the encoder's output, f32
  // [source tokens, dim].
  virtual Tensor remember_source(Context& cx, const Inputs& source, State& state);

  // Models that see: the rows that stand for the images in a batch's embeddings, f32 [images, rows, dim].
  virtual Tensor image_tokens(Context& cx, const Tensor& pixels);

  // An input of the usual size, to price and time: `count` texts of `length` tokens; models that see or hear
  // take images and windows of their own size instead. Values are zeros; on the null device there are none.
  virtual Inputs sample_input(Device& device, int64_t length, int count) const;

  virtual ModelKind kind() const { return ModelKind::decoder; }
  // Whether the outputs of a text depend on the padding behind it (FNet mixes over it): such a model is given
  // padded texts, with Batch::mask, where its outputs are to be those of a padded batch.
  virtual bool reads_padding() const { return false; }
  // Whether its tokens are the code points of a text, and there is no tokenizer.
  virtual bool reads_characters() const { return false; }
  // What "architectures" of a config.json says: the class of the checkpoint's task, where there are several.
  virtual std::string hf_class() const;

  // What versions of the reference implementation compute in another way than the published model does, ""
  // where nothing is known: outputs may have been made by them. imitate_fault(true) computes so, (false) as
  // published.
  virtual std::string reference_fault() const { return {}; }
  virtual void imitate_fault(bool) {}

  // A state for `slots` sequences of up to `capacity` tokens; `kv` is the format of keys and values.
  virtual std::unique_ptr<State> make_state(Device& device, int slots, int64_t capacity, DType kv) const;

  virtual ModelSize size() const = 0;
  // Its rotary embeddings, made by ready().
  virtual std::vector<Rope*> ropes() { return {}; }
  const ModelInfo* info = nullptr;
  // The layout it was read from: rows for RoPE are in GGUF's order.
  bool from_gguf = false;

 protected:
  virtual Tensor run(Context& cx, const Batch& batch, State* state);
  virtual Tensor run_hidden(Context& cx, const Batch& batch, State* state);
  // For models that contain another, whose tokens they remember themselves.
  static Tensor run_of(Model& inner, Context& cx, const Batch& batch, State* state) {
    return inner.run(cx, batch, state);
  }
  static Tensor run_hidden_of(Model& inner, Context& cx, const Batch& batch, State* state) {
    return inner.run_hidden(cx, batch, state);
  }
};

// An entry of the generated table: one a file of src/models.
struct ModelInfo {
  const char* name;      // "llama"
  const char* hf_types;  // values of model_type, separated by blanks
  const char* hf_class;  // value of "architectures"
  const char* gguf;      // value of general.architecture; null: GGUF has no name for it
  // Tells architectures of one GGUF name apart (llama, mistral, mixtral); null: the name is enough.
  bool (*matches_gguf)(const GgufMetadata& metadata);
  std::unique_ptr<Model> (*make)();
  const char* source;  // paper
  // A tensor that only this architecture has: it knows checkpoints without config.json by it. Null: none.
  const char* signature = nullptr;
};

}  // namespace ridge
