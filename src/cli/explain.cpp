// ridge explain: what a model costs on a machine, without its weights.
#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/plan_support.h"
#include "models/load.h"

namespace ridge {
namespace {

struct Arguments {
  std::string what, machine, weights, kv = "f16";
  int64_t prompt = 512, context = 2048;
  int batch = 1;
  bool each = false, json = false;
};

double predicted(const Reading& r, const Machine& m) {
  double s = 0;
  for (const auto& e : r.events) s += predict(m, e).seconds;
  return s;
}

int explain(const Arguments& a) {
  const Priced p = priced_model(a.what, a.weights);  // before the machine: measuring it takes a second
  const ModelSize size = p.model->size();
  const WeightCount weights = count_weights(*p.model);
  const DType kv = kv_format(a.kv);
  const Machine machine = find_machine(a.machine);
  const int64_t prompt = std::min(a.prompt, a.context);
  const Pass passes[] = {{"prefill", prompt, 0, a.batch}, {"decode", 1, a.context - 1, a.batch}};
  std::vector<Reading> readings;
  for (const Pass& pass : passes) readings.push_back(price(*p.model, pass, kv, machine.features));
  const int64_t state = readings[1].state_bytes;
  const int64_t peak = std::max(readings[0].activation_peak, readings[1].activation_peak);
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
      pass["tokens_per_second"] = static_cast<double>(r.pass.rows * r.pass.sequences) / predicted(r, machine);
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
  fmt::print("KV cache          {} at {} tokens x {} ({} a token, {})\n",
             bytes_text(static_cast<double>(state)), a.context, a.batch,
             bytes_text(static_cast<double>(state) / static_cast<double>(a.context * a.batch)), kv.name());
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
    const double s = predicted(r, machine);
    fmt::print("\n{} of {} token{} x {} with {} before: {}, {:.1f} tokens/s\n", r.pass.name, r.pass.rows,
               r.pass.rows == 1 ? "" : "s", r.pass.sequences, r.pass.past, seconds_text(s),
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
    "and of one generated token, op by op; from these and the machine's profile it predicts the time.\n\n"
    "MODEL is a model file or folder, a config.json, or the name of a well-known shape. MACHINE is a shipped "
    "profile, a file "
    "that `ridge calibrate` wrote, or by default this machine.",
    kMeasureGroup,
    "ridge explain llama-3-8b --weights q4_k_m\n"
    "# A 70B model on another machine, a batch of 16, 8,192 tokens each\n"
    "ridge explain llama-3-70b --machine h200 -b 16 -c 8192 --weights bf16\n"
    "ridge explain llama-1.1b --json",
    [](Options& o) -> CommandRun {
      auto a = std::make_shared<Arguments>();
      o.argument(a->what, "MODEL", "model file or folder, config.json, or name of a shape", true,
                 Options::Hint::model);
      o.text(a->machine, "--machine", "NAME", "machine profile: a name or a file (default: this machine)");
      o.integer(a->batch, "-b,--batch", 1, 4096, "N", "sequences at once");
      o.integer(a->context, "-c,--context", 1, int64_t{1} << 24, "N",
                "tokens of each sequence at the decode step");
      o.integer(a->prompt, "-p,--prompt", 1, int64_t{1} << 24, "N", "tokens of the prompt that is priced");
      o.text(a->weights, "--weights", "FORMAT",
             "format or mix of the weights (default: the checkpoint's own, else bf16)");
      o.text(a->kv, "--kv", "FORMAT", "format of keys and values: f32, f16 or bf16");
      o.flag(a->each, "--each", "a line for each shape, with its kernel");
      o.flag(a->json, "--json", "print JSON");
      return [=] { return explain(*a); };
    }};
}  // namespace tables
}  // namespace ridge
