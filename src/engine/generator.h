// Writing on from a prompt: one sequence, its state kept between calls so that a prompt that begins like what
// is remembered costs only its new part.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/sampler.h"
#include "nn/model.h"
#include "text/tokenizer.h"

namespace ridge {

struct GeneratorOptions {
  int64_t context =
      0;     // tokens that prompt and answer may have together; 0: as many as the model was made for
  DType kv;  // format of keys and values; none: f16
  int64_t chunk = 256;  // prompt tokens fed at once (the tokens written do not depend on it)
  ContextOptions context_options;
};

struct GenerateOptions {
  int64_t max_tokens = -1;  // -1: to the end of the context
  SamplerOptions sampler;
  std::vector<std::string> stop;  // generation ends where one of these comes up; it is not part of the text
  std::vector<int32_t> end_ids;   // ends of generation besides the tokenizer's
  bool ignore_end = false;        // go on past ends of generation
  // f32 [n, dim]: the rows of the prompt's ids Batch::kEmbedding, in order (images). Such a prompt is not
  // compared with what is remembered: all of it is fed.
  Tensor embeddings;
  const std::atomic<bool>* cancel = nullptr;  // looked at before every forward pass
};

enum class StopReason { end, stop_string, length, context, cancelled };
const char* stop_reason_name(StopReason reason);

struct GenerateResult {
  std::vector<int32_t> ids;  // written, the end of generation not among them
  std::string text;
  StopReason reason = StopReason::length;
  int64_t prompt_tokens = 0;  // all of the prompt
  int64_t reused_tokens = 0;  // of these, how many were remembered
  int64_t decode_steps = 0;   // forward passes of one token: the first token comes out of the prompt's
  double prompt_seconds = 0, decode_seconds = 0;

  double prompt_rate() const;  // tokens/s; 0 where nothing was timed
  double decode_rate() const;
};

// Called with each bit of text that is certain: whole characters, no part of a stop string.
using OnText = std::function<void(const std::string& text)>;
// Called with each token as it is chosen.
using OnToken = std::function<void(int32_t id)>;

class Generator {
 public:
  // The model and the tokenizer have to outlive this. Error(Fault::usage) where `context` is more than the
  // model's.
  Generator(Model& model, const Tokenizer& tokenizer, const GeneratorOptions& options = {});

  // Writes on from `prompt` (ids, BOS included where wanted). Error(Fault::usage) where it is empty, does not
  // fit, or has an id outside the vocabulary.
  GenerateResult generate(const std::vector<int32_t>& prompt, const GenerateOptions& options,
                          const OnText& on_text = {}, const OnToken& on_token = {});

  // Feeds tokens after those remembered; the logits of the last, f32 [vocab]. Empty where cancelled.
  // `generated`: they were just chosen, and are no prompt (Batch::generated).
  std::vector<float> feed(const std::vector<int32_t>& tokens, const std::atomic<bool>* cancel = nullptr,
                          bool generated = false);

  // Forgets what does not begin `tokens` and returns how many are remembered (at most tokens.size() - 1: the
  // last is fed, for its logits).
  int64_t reuse(const std::vector<int32_t>& tokens);

  const std::vector<int32_t>& remembered() const { return remembered_; }
  void reset();
  int64_t context() const { return state_->capacity(); }
  int64_t state_bytes() const { return state_->bytes(); }
  int threads() const { return cx_.threads(); }
  Context& context_of_ops() { return cx_; }
  const Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  Model& model_;
  const Tokenizer& tokenizer_;
  GeneratorOptions options_;
  Context cx_;
  std::unique_ptr<State> state_;
  std::vector<int32_t> remembered_;
  Tensor embeddings_;  // of the prompt that is fed
  int64_t embedded_ = 0;
};

}  // namespace ridge
