// Greedy and beam search (Graves 2012; Sutskever et al. 2014) with the states of an encoder-decoder: sources
// are encoded once, beams are slots that fork.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/generation_config.h"
#include "nn/model.h"

namespace ridge {

struct Hypothesis {
  std::vector<int32_t> ids;  // with the decoder's prompt and the token that ended it
  float score = 0;           // log-probability / length^length_penalty; greedy: the log-probability's sum
};

struct SearchOptions {
  GenerationConfig config;
  std::vector<int32_t> prompt;  // of the decoder; empty: decoder_start
  DType kv;                     // format of keys and values; none: f32
  const std::atomic<bool>* cancel = nullptr;
  // A last rule for the scores of the token after `ids`, in place.
  std::function<void(std::span<const int32_t> ids, std::span<float> scores)> rule;
  // Called with the logits of the decoder's prompt, f32 [prompt, vocab], of each source.
  std::function<void(size_t source, std::span<const float> logits)> on_prompt;
};

// The `config.returned` best answers of each source (a span of text, or a sequence of features), best first.
// Each source's answers are those it gets alone, whatever else is in the call. An Error(Fault::usage) where
// the model is no encoder-decoder or nothing says how the decoder begins.
std::vector<std::vector<Hypothesis>> search(Model& model, Context& cx, const Inputs& sources,
                                            const SearchOptions& options);

}  // namespace ridge
