// The price of a forward pass: the model's own forward function on the null device. And the same pass run and
// timed.
#pragma once
#include <string>
#include <vector>

#include "nn/model.h"
#include "plan/machine.h"

namespace ridge {

// One forward pass: `rows` new tokens in each of `sequences` sequences that remember `past` tokens already.
// Of an encoder, or of the encoder of an encoder-decoder (named "encode"): `sequences` inputs of `rows`
// tokens. A decoder that answers a source has one of `source` tokens.
struct Pass {
  std::string name;  // "prefill", "decode", "encode"
  int64_t rows = 1, past = 0;
  int sequences = 1;
  bool last_only = true;  // logits of each sequence's last token only
  int64_t source = 0;
};

// The passes that a model's kind has: a prompt and a token of decoders, an input of encoders, a source and a
// token of encoder-decoders. `prompt` tokens of prompt or source, `context` tokens at the decode step.
std::vector<Pass> passes_of(const Model& model, int64_t prompt, int64_t context, int sequences);

struct Reading {
  Pass pass;
  std::vector<TraceEvent> events;
  Cost total;
  int64_t activation_peak = 0;  // bytes
  int64_t state_bytes = 0;      // of the state at the capacity the pass needs; 0 where there is none
  double seconds = 0;           // of the timed pass; 0 where it was priced
};

// Prices a pass of a model on the null device (see shape_model). `features`: what the target processor has.
Reading price(Model& model, const Pass& pass, DType kv, uint64_t features);

// Runs a pass `repeats` times and returns the one with the median time; `past` tokens are there already
// (unwritten keys: zeros). The first, untimed, run warms up.
Reading run_timed(Model& model, Context& cx, const Pass& pass, DType kv, int repeats);

// Events of one kind added up, in order of first appearance.
struct Line {
  std::string key, kernel, shapes;
  int64_t calls = 0;
  Cost cost;
  double measured = 0, predicted = 0, roofline = 0;
  Prediction::Bound bound = Prediction::Bound::memory;
};
std::vector<Line> summarize(const Reading& reading, const Machine& machine);

// The trace in the Chrome trace event format, which Perfetto reads too.
std::string chrome_trace(const Reading& reading, const Machine& machine);

}  // namespace ridge
