#include "plan/price.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/error.h"
#include "base/json.h"

namespace ridge {
namespace {

Batch batch_of(const Pass& p) {
  Batch b = Batch::of_length(p.rows, p.last_only, p.sequences);
  b.generated = p.name == "decode";
  return b;
}

// A pass made ready: what it remembers, and the call that is priced or timed.
struct Prepared {
  Prepared(Model& model, Context& cx, const Pass& pass, DType kv) : model(model), pass(pass) {
    if (pass.name == "encode") {
      input = model.sample_input(cx.device(), pass.rows, pass.sequences);
      if (model.kind() == ModelKind::sequence_to_sequence)
        state = model.make_state(cx.device(), pass.sequences, 1, kv);
      return;
    }
    batch = batch_of(pass);
    state = model.make_state(cx.device(), pass.sequences, pass.past + pass.rows, kv);
    if (model.kind() == ModelKind::sequence_to_sequence)
      model.remember_source(cx, model.sample_input(cx.device(), pass.source, pass.sequences), *state);
    if (pass.past > 0) state->append(Batch::of_length(pass.past, true, pass.sequences));
  }
  void run(Context& cx) {
    if (pass.name != "encode")
      model.forward(cx, batch, state.get());
    else if (state)
      model.remember_source(cx, input, *state);
    else
      model.encode(cx, input, {});
  }
  // Makes another run of the same pass possible; false where that needs a new state.
  bool rewind() {
    if (pass.name == "encode") return true;
    if (!state->can_truncate()) return false;
    for (int s = 0; s < state->slots(); ++s) state->truncate(s, pass.past);
    return true;
  }
  Model& model;
  const Pass& pass;
  Inputs input;
  Batch batch;
  std::unique_ptr<State> state;
};

}  // namespace

std::vector<Pass> passes_of(const Model& model, int64_t prompt, int64_t context, int sequences) {
  const int64_t before = context - 1;
  switch (model.kind()) {
    case ModelKind::encoder:
      return {{"encode", prompt, 0, sequences}};
    case ModelKind::sequence_to_sequence:
      return {{"encode", prompt, 0, sequences}, {"decode", 1, before, sequences, true, prompt}};
    case ModelKind::decoder:
      break;
  }
  return {{"prefill", std::min(prompt, context), 0, sequences}, {"decode", 1, before, sequences}};
}

Reading price(Model& model, const Pass& pass, DType kv, uint64_t features) {
  ContextOptions options;
  options.features = features;
  options.price_as_given = true;
  Context cx(null_device(), options);
  Prepared prepared(model, cx, pass, kv);
  Trace trace;
  cx.trace = &trace;
  cx.reset_arena_peak();
  prepared.run(cx);
  Reading r;
  r.pass = pass;
  r.activation_peak = cx.arena_peak();
  r.state_bytes = prepared.state ? prepared.state->bytes() : 0;
  r.total = trace.total();
  r.events = std::move(trace.events);
  return r;
}

Reading run_timed(Model& model, Context& cx, const Pass& pass, DType kv, int repeats) {
  std::vector<Reading> runs;
  auto prepared = std::make_unique<Prepared>(model, cx, pass, kv);
  for (int r = 0; r <= repeats; ++r) {
    Trace trace;
    cx.trace = &trace;
    cx.reset_arena_peak();
    const auto begin = std::chrono::steady_clock::now();
    prepared->run(cx);
    Reading reading;
    reading.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    cx.trace = nullptr;
    reading.pass = pass;
    reading.activation_peak = cx.arena_peak();
    reading.state_bytes = prepared->state ? prepared->state->bytes() : 0;
    reading.total = trace.total();
    reading.events = std::move(trace.events);
    if (r > 0) runs.push_back(std::move(reading));
    if (!prepared->rewind()) prepared = std::make_unique<Prepared>(model, cx, pass, kv);
  }
  std::sort(runs.begin(), runs.end(),
            [](const Reading& a, const Reading& b) { return a.seconds < b.seconds; });
  return std::move(runs[runs.size() / 2]);
}

std::vector<Line> summarize(const Reading& reading, const Machine& machine) {
  std::vector<Line> lines;
  for (const TraceEvent& e : reading.events) {
    auto it = std::find_if(lines.begin(), lines.end(),
                           [&](const Line& l) { return l.key == e.key && l.shapes == e.shapes; });
    if (it == lines.end()) {
      lines.push_back({e.key, e.kernel->name, e.shapes});
      it = lines.end() - 1;
    }
    const Prediction p = predict(machine, e);
    ++it->calls;
    it->cost += e.cost;
    it->cost.rate = e.cost.rate;
    it->measured += e.seconds;
    it->predicted += p.seconds;
    it->roofline += p.roofline;
    it->bound = p.bound;
  }
  return lines;
}

std::string chrome_trace(const Reading& reading, const Machine& machine) {
  Json events = Json::array();
  for (const TraceEvent& e : reading.events) {
    const Prediction p = predict(machine, e);
    events.push_back({{"name", e.op->name},
                      {"cat", e.scope},
                      {"ph", "X"},
                      {"pid", 1},
                      {"tid", 1},
                      {"ts", e.begin * 1e6},
                      {"dur", e.seconds * 1e6},
                      {"args",
                       {{"kernel", e.kernel->name},
                        {"shapes", e.shapes},
                        {"scope", e.scope},
                        {"flops", e.cost.flops},
                        {"read", e.cost.read},
                        {"written", e.cost.written},
                        {"predicted_us", p.seconds * 1e6},
                        {"bound", bound_name(p.bound)}}}});
  }
  return Json{{"traceEvents", events}, {"displayTimeUnit", "ms"}}.dump() + "\n";
}

}  // namespace ridge
