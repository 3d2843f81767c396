// ridge profile: runs a model and prints each op's measured time beside its price.
#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/model_support.h"
#include "cli/plan_support.h"
#include "models/load.h"

namespace ridge {
namespace {

struct Arguments {
  ModelOptions model;
  std::string random, type = "q4_0", machine, trace;
  int64_t prompt = 512, depth = 512;
  int repeats = 5;
  bool each = false;
};

int run(const Arguments& a) {
  std::unique_ptr<Model> model;
  std::optional<OpenedModel> open;
  if (!a.random.empty()) {
    model = random_model_of(a.random, a.type);
  } else {
    open.emplace(a.model.open());
  }
  const Machine machine = find_machine(a.machine);
  Model& m = model ? *model : *open->model;
  const DType kv = a.model.kv_type();
  Context cx(cpu_device(), a.model.context_options());
  Json passes = Json::array();
  std::string traces;
  for (const Pass& pass : {Pass{"prefill", a.prompt, 0, 1}, Pass{"decode", 1, a.depth, 1}}) {
    const Reading r = run_timed(m, cx, pass, kv, a.repeats);
    double predicted = 0, in_ops = 0;
    for (const auto& e : r.events) predicted += predict(machine, e).seconds, in_ops += e.seconds;
    if (!a.trace.empty() && pass.name == "prefill") write_file(a.trace, chrome_trace(r, machine));
    if (a.model.json) {
      passes.push_back(reading_json(r, machine));
      continue;
    }
    fmt::print("{} of {} token{} with {} before: {} measured ({} in ops), {} predicted, {:.1f} tokens/s\n",
               pass.name, pass.rows, pass.rows == 1 ? "" : "s", pass.past, seconds_text(r.seconds),
               seconds_text(in_ops), seconds_text(predicted), static_cast<double>(pass.rows) / r.seconds);
    fmt::print("{}\n", table_text(r, machine, a.each));
  }
  if (a.model.json)
    fmt::print("{}\n", Json{{"machine", machine_json(machine)}, {"passes", passes}}.dump(1));
  else if (!machine.calibrated())
    fmt::print("predicted times are the roofline: `ridge calibrate` measures what the kernels reach\n");
  if (!a.trace.empty() && !a.model.json)
    fmt::print("trace of the prefill in {} (open it in Perfetto or chrome://tracing)\n", a.trace);
  return 0;
}

}  // namespace

namespace tables {
extern const Command command_profile;
const Command command_profile{
    "profile",
    "runs a model and prints each op's time beside its price",
    "Times every op of a prompt and of one generated token, beside the time that `ridge explain` predicts "
    "for it, and writes a "
    "trace for Perfetto.",
    kMeasureGroup,
    "ridge profile\n"
    "# Random weights of a well-known shape, a trace to look at\n"
    "ridge profile --random llama-1.1b --type q4_0 -p 64 -r 1 --trace trace.json",
    [](Options& o) -> CommandRun {
      auto a = std::make_shared<Arguments>();
      a->model.add_model(o);
      a->model.add_machine(o);
      a->model.kv = "f16";
      o.choice(a->model.kv, "--kv", {"f32", "f16", "bf16"}, "TYPE", "format of keys and values");
      o.text(a->random, "--random", "SHAPE",
             "random weights in place of MODEL: a known shape, or a config.json");
      o.text(a->type, "--type", "FORMAT", "format of the random weights");
      o.text(a->machine, "--machine", "NAME", "machine profile to predict with (default: this machine)");
      o.integer(a->prompt, "-p,--prompt", 1, 1 << 20, "N", "tokens of the prompt");
      o.integer(a->depth, "--depth", 0, 1 << 20, "N", "tokens before the generated one");
      o.integer(a->repeats, "-r,--repeats", 1, 1000, "N", "repeats; the median run is shown");
      o.text(a->trace, "--trace", "FILE", "write the prefill's trace (Chrome trace events)",
             Options::Hint::file);
      o.flag(a->each, "--each", "a line for each shape, with its kernel");
      a->model.add_json(o);
      return [=] { return run(*a); };
    }};
}  // namespace tables
}  // namespace ridge
