// ridge explain: what a model costs on a machine, without its weights.
#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/plan_support.h"
#include "cli/sweep_support.h"
#include "models/load.h"

namespace ridge {
namespace {

struct Arguments {
  std::string what, machine, weights, kv = "f16", sweep, svg;
  int64_t prompt = 0, context = 0;  // 0: usual ones, as far as the model goes
  int batch = 1;
  bool each = false, json = false;
};

// "KV cache 90 MB at 2048 tokens x 1 (45 kB a token, f16)"; what does not grow with the length is said so.
std::string state_text(Model& model, const std::vector<Reading>& readings, const Arguments& a, DType kv) {
  const auto state = static_cast<double>(readings.back().state_bytes);
  if (model.kind() == ModelKind::encoder) return "none: nothing is remembered between inputs";
  Pass half = readings.back().pass;
  half.past /= 2;
  const auto less = static_cast<double>(price(model, half, kv, 0).state_bytes);
  const double tokens = static_cast<double>((readings.back().pass.past - half.past) * a.batch);
  const double grows = tokens > 0 ? (state - less) / tokens : 0;
  if (grows <= 0) return fmt::format("{} x {}, whatever the length", bytes_text(state / a.batch), a.batch);
  return fmt::format("{} at {} tokens x {} ({} a token, {})", bytes_text(state), a.context, a.batch,
                     bytes_text(grows), kv.name());
}

std::string pass_text(const Pass& pass) {
  const char* s = pass.rows == 1 ? "" : "s";
  if (pass.name == "encode") return fmt::format("encode of {} token{} x {}", pass.rows, s, pass.sequences);
  return fmt::format("{} of {} token{} x {} with {} before", pass.name, pass.rows, s, pass.sequences,
                     pass.past);
}

int explain(Arguments a) {
  const Priced p = priced_model(a.what, a.weights);  // before the machine: measuring it takes a second
  const ModelSize size = p.model->size();
  const int64_t most = size.context > 0 ? size.context : int64_t{1} << 24;
  if (a.context == 0) a.context = std::min<int64_t>(2048, most);
  if (a.prompt == 0) a.prompt = std::min<int64_t>(512, most);
  const WeightCount weights = count_weights(*p.model);
  const DType kv = kv_format(a.kv);
  const Machine machine = find_machine(a.machine);
  if (!a.sweep.empty()) return sweep(*p.model, a.what, a.sweep, a.svg, kv, machine, a.batch, a.json);
  if (!a.svg.empty()) fail(Fault::usage, "--svg plots a --sweep");
  std::vector<Reading> readings;
  int64_t peak = 0;
  for (const Pass& pass : passes_of(*p.model, a.prompt, a.context, a.batch)) {
    readings.push_back(price(*p.model, pass, kv, machine.features));
    peak = std::max(peak, readings.back().activation_peak);
  }
  const int64_t state = readings.back().state_bytes;
  const int64_t all = weights.bytes + state + peak;
  if (a.json) {
    Json j = {{"model", a.what},
              {"architecture", p.model->info->name},
              {"parameters", weights.parameters},
              {"weights", p.weights},
              {"weight_bytes", weights.bytes},
              {"kv", kv.name()},
              {"context", a.context},
              {"batch", a.batch},
              {"state_bytes", state},
              {"state_bytes_per_token", state / (a.context * a.batch)},
              {"activation_peak_bytes", peak},
              {"total_bytes", all},
              {"fits", machine.memory == 0 || all <= machine.memory},
              {"machine", machine_json(machine)},
              {"passes", Json::array()}};
    for (const Reading& r : readings) {
      Json pass = reading_json(r, machine);
      pass["tokens_per_second"] =
          static_cast<double>(r.pass.rows * r.pass.sequences) / predicted_seconds(r, machine);
      j["passes"].push_back(std::move(pass));
    }
    fmt::print("{}\n", j.dump(1));
    return 0;
  }
  fmt::print("{}: {}, {} layers, width {}, {} tokens in the vocabulary\n", a.what, p.model->info->name,
             size.layers, size.dim, size.vocab);
  fmt::print("parameters        {} ({})\n", count_text(static_cast<double>(weights.parameters), ""),
             weights.parameters);
  fmt::print("weights           {} ({})\n", bytes_text(static_cast<double>(weights.bytes)), p.weights);
  fmt::print("state             {}\n", state_text(*p.model, readings, a, kv));
  fmt::print("activations       {} at most\n", bytes_text(static_cast<double>(peak)));
  fmt::print(
      "in all            {}{}\n", bytes_text(static_cast<double>(all)),
      machine.memory == 0 ? ""
      : all <= machine.memory
          ? fmt::format(", fits the machine's {}", bytes_text(static_cast<double>(machine.memory)))
          : fmt::format(", MORE than the machine's {}", bytes_text(static_cast<double>(machine.memory))));
  fmt::print("machine           {} ({}): {} read", machine.name, machine.model,
             bytes_text(machine.bandwidth) + "/s");
  for (const auto& [rate, value] : machine.peak) fmt::print(", {} {}", rate, count_text(value, "op/s"));
  fmt::print("\n                  {}{}\n", machine.source,
             machine.calibrated()
                 ? ""
                 : "; times below are the roofline: `ridge calibrate` measures what the kernels reach");
  for (const Reading& r : readings) {
    const double s = predicted_seconds(r, machine);
    fmt::print("\n{}: {}, {:.1f} tokens/s\n", pass_text(r.pass), seconds_text(s),
               static_cast<double>(r.pass.rows * r.pass.sequences) / s);
    fmt::print("{}", table_text(r, machine, a.each));
  }
  return 0;
}

}  // namespace

namespace tables {
extern const Command command_explain;
const Command command_explain{
    "explain",
    "what a model costs on a machine, without its weights",
    "Runs the model's own forward function on a device that computes nothing and adds up flops, bytes and "
    "memory of a prompt "
    "and of one generated token (of an encoder: of an input), op by op; from these and the machine's profile "
    "it predicts the time.\n\n"
    "MODEL is a model file or folder, a config.json, or the name of a well-known shape. MACHINE is a shipped "
    "profile, a file "
    "that `ridge calibrate` wrote, or by default this machine.",
    kMeasureGroup,
    "ridge explain llama-3-8b --weights q4_k_m\n"
    "# A 70B model on another machine, a batch of 16, 8,192 tokens each\n"
    "ridge explain llama-3-70b --machine h200 -b 16 -c 8192 --weights bf16\n"
    "# How cost and state grow with the length, with a plot\n"
    "ridge explain llama-1.1b --sweep 1k:64k --svg sweep.svg\n"
    "ridge explain llama-1.1b --json",
    [](Options& o) -> CommandRun {
      auto a = std::make_shared<Arguments>();
      o.argument(a->what, "MODEL", "model file or folder, config.json, or name of a shape", true,
                 Options::Hint::model);
      o.text(a->machine, "--machine", "NAME", "machine profile: a name or a file (default: this machine)");
      o.integer(a->batch, "-b,--batch", 1, 4096, "N", "sequences at once");
      o.integer(a->context, "-c,--context", 1, int64_t{1} << 24, "N",
                "tokens of each sequence at the decode step (default: 2048, or the model's context)");
      o.integer(a->prompt, "-p,--prompt", 1, int64_t{1} << 24, "N",
                "tokens of the prompt that is priced (default: 512, or the model's context)");
      o.text(a->weights, "--weights", "FORMAT",
             "format or mix of the weights (default: the checkpoint's own, else bf16)");
      o.text(a->kv, "--kv", "FORMAT", "format of keys and values: f32, f16 or bf16");
      o.text(a->sweep, "--sweep", "FROM:TO",
             "price lengths from FROM to TO, each twice the one before (1k:1m), in place of one");
      o.text(a->svg, "--svg", "FILE", "with --sweep: plot time and state by length", Options::Hint::file);
      o.flag(a->each, "--each", "a line for each shape, with its kernel");
      o.flag(a->json, "--json", "print JSON");
      return [=] { return explain(*a); };
    }};
}  // namespace tables
}  // namespace ridge
