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
  return b;
}

// A state that remembers `past` tokens a sequence.
std::unique_ptr<State> state_with_past(const Model& model, Device& device, const Pass& p, DType kv) {
  auto state = model.make_state(device, p.sequences, p.past + p.rows, kv);
  if (p.past > 0) state->append(Batch::of_length(p.past, true, p.sequences));
  return state;
}

}  // namespace

Reading price(Model& model, const Pass& pass, DType kv, uint64_t features) {
  ContextOptions options;
  options.features = features;
  options.price_as_given = true;
  Context cx(null_device(), options);
  Trace trace;
  cx.trace = &trace;
  auto state = state_with_past(model, null_device(), pass, kv);
  cx.reset_arena_peak();
  model.forward(cx, batch_of(pass), state.get());
  Reading r;
  r.pass = pass;
  r.activation_peak = cx.arena_peak();
  r.state_bytes = state->bytes();
  r.total = trace.total();
  r.events = std::move(trace.events);
  return r;
}

Reading run_timed(Model& model, Context& cx, const Pass& pass, DType kv, int repeats) {
  std::vector<Reading> runs;
  auto state = state_with_past(model, cx.device(), pass, kv);
  const Batch batch = batch_of(pass);
  for (int r = 0; r <= repeats; ++r) {
    Trace trace;
    cx.trace = &trace;
    cx.reset_arena_peak();
    const auto begin = std::chrono::steady_clock::now();
    model.forward(cx, batch, state.get());
    Reading reading;
    reading.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    cx.trace = nullptr;
    reading.pass = pass;
    reading.activation_peak = cx.arena_peak();
    reading.state_bytes = state->bytes();
    reading.total = trace.total();
    reading.events = std::move(trace.events);
    if (r > 0) runs.push_back(std::move(reading));
    if (state->can_truncate())
      for (int s = 0; s < state->slots(); ++s) state->truncate(s, pass.past);
    else
      state = state_with_past(model, cx.device(), pass, kv);
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
