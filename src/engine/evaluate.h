// Perplexity of a text, by the protocol of tests/data/models/*/expected.json: the text is tokenized whole
// without special tokens and cut into windows that do not overlap, each with BOS put before it (where the
// vocabulary has one); a last incomplete window is left out.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "nn/model.h"

namespace ridge {

struct EvalOptions {
  int64_t window = 512;       // tokens fed at a time, BOS among them
  bool second_half = false;   // score only tokens window/2 to window - 1 of each window: all have a long past
  int32_t bos = -1;           // -1: none; the first token of a window is then not scored
  int64_t most_windows = -1;  // -1: all
  ContextOptions context;
  DType kv;  // none: f32
  std::function<void(int64_t windows_done, int64_t windows, double nll)> progress;
  const std::atomic<bool>* cancel = nullptr;
};

struct EvalResult {
  double nll = 0;        // mean negative log-likelihood of a token, in nats
  double nll_error = 0;  // its standard error, the tokens taken as independent
  double ppl = 0, ppl_error = 0;
  double bits_per_byte = 0;  // nll / ln 2 * tokens of the text / bytes of the text
  int64_t windows = 0, tokens_scored = 0, tokens = 0, bytes = 0;
  double seconds = 0;
  bool cancelled = false;  // the windows done until then were scored
};

// `ids`: the whole text; `bytes`: its size. Error(Fault::usage) where it is shorter than a window or the
// window does not fit the model.
EvalResult evaluate(Model& model, const std::vector<int32_t>& ids, int64_t bytes, const EvalOptions& options);

// The negative log-likelihood of `target` in nats: log of the sum of e^logits, less its logit; sums in
// double.
double negative_log_likelihood(const float* logits, int64_t vocab, int32_t target);

}  // namespace ridge
