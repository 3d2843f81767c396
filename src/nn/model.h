// A model: settings, weights, and one forward function that is run, priced, timed and differentiated.
#pragma once
#include <memory>
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

  // A state for `slots` sequences of up to `capacity` tokens; `kv` is the format of keys and values.
  virtual std::unique_ptr<State> make_state(Device& device, int slots, int64_t capacity, DType kv) const = 0;

  virtual ModelSize size() const = 0;
  // Its rotary embeddings, made by ready().
  virtual std::vector<Rope*> ropes() { return {}; }
  const ModelInfo* info = nullptr;
  // The layout it was read from: rows for RoPE are in GGUF's order.
  bool from_gguf = false;

 protected:
  virtual Tensor run(Context& cx, const Batch& batch, State* state) = 0;
  virtual Tensor run_hidden(Context& cx, const Batch& batch, State* state) = 0;
};

// An entry of the generated table: one a file of src/models.
struct ModelInfo {
  const char* name;      // "llama"
  const char* hf_types;  // values of model_type, separated by blanks
  const char* hf_class;  // value of "architectures"
  const char* gguf;      // value of general.architecture
  // Tells architectures of one GGUF name apart (llama, mistral, mixtral); null: the name is enough.
  bool (*matches_gguf)(const GgufMetadata& metadata);
  std::unique_ptr<Model> (*make)();
  const char* source;  // paper
};

}  // namespace ridge
