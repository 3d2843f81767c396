// ridge bench: speed of prompts and of generation, beside what the machine could do.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/cpu.h"
#include "base/error.h"
#include "base/json.h"
#include "base/random.h"
#include "cli/model_support.h"
#include "cli/plan_support.h"
#include "cli/progress_support.h"
#include "formats/bf16/bf16.h"
#include "models/load.h"
#include "plan/price.h"

namespace ridge {
namespace {

struct BenchCommand {
  ModelOptions model;
  std::string random, type = "bf16", machine;
  int64_t prompt = 512, tokens = 128, depth = 0, chunk = 512;
  int repeats = 5, batch = 1;
  bool exact = false;
  std::function<bool()> tokens_given, batch_given;

  void add(Options& o) {
    model.add_model(o, " (default: the one that Ridge comes with)");
    o.integer(prompt, "-p,--prompt", 0, 1 << 24, "N",
              "time prompts of N tokens; 0: none. Encoders: tokens of each text");
    o.integer(tokens, "-n,--tokens", 0, 1 << 24, "N", "time the generation of N tokens; 0: none");
    tokens_given = o.given("--tokens");
    o.integer(batch, "-b,--batch", 1, 1 << 16, "N", "encoders: texts (images, windows of sound) at once");
    batch_given = o.given("--batch");
    o.integer(repeats, "-r,--repeats", 1, 1000, "N",
              "times that each is repeated, in turn; the median is printed");
    o.integer(depth, "--depth", 0, 1 << 24, "N", "tokens that the sequence remembers beforehand");
    o.integer(chunk, "--chunk", 1, 1 << 20, "N", "prompt tokens fed at once");
    o.text(random, "--random", "SHAPE",
           "random weights of a shape: a name such as llama-1.1b, or a config.json");
    o.text(type, "--type", "FORMAT", "format of the random weights");
    o.flag(exact, "--exact", "exact numbers: activations are not rounded");
    o.text(machine, "--machine", "NAME",
           "machine profile to compare with (default: this machine's, calibrated or measured now)");
    model.kv = "f16";
    o.choice(model.kv, "--kv", {"f32", "f16", "bf16"}, "TYPE", "format of keys and values");
    model.add_machine(o);
    model.add_json(o);
  }
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Seconds of every repeat, and what a pass of each kind costs at the least.
struct Series {
  const char* name;
  int64_t tokens = 0;
  std::vector<double> seconds;
  Cost cost;            // of all passes of one repeat
  double roofline = 0;  // seconds of one repeat if the machine's limits were reached

  double median() const {
    auto s = seconds;
    std::sort(s.begin(), s.end());
    return s.size() % 2 ? s[s.size() / 2] : (s[s.size() / 2 - 1] + s[s.size() / 2]) / 2;
  }
  double rate() const { return static_cast<double>(tokens) / median(); }
  // Of the rates: half the distance between the quartiles, as a share of the median.
  double spread() const {
    if (seconds.size() < 2) return 0;
    auto s = seconds;
    std::sort(s.begin(), s.end());
    const auto at = [&](double q) {
      const double p = q * static_cast<double>(s.size() - 1);
      const auto i = static_cast<size_t>(p);
      return i + 1 < s.size() ? s[i] + (p - static_cast<double>(i)) * (s[i + 1] - s[i]) : s[i];
    };
    return (at(0.75) - at(0.25)) / 2 / median();
  }
};

struct Bench {
  const BenchCommand& o;
  Model& model;
  Context cx;
  std::unique_ptr<State> state;
  std::vector<int32_t> ids;  // what is fed: any tokens do, the same in each run
  Inputs input;              // of encoders

  Bench(const BenchCommand& options, Model& m, const ContextOptions& c)
      : o(options), model(m), cx(cpu_device(), c) {
    if (m.kind() == ModelKind::encoder) {
      take_input();
      return;
    }
    const int64_t most = model.size().context, need = o.depth + std::max<int64_t>({o.prompt, o.tokens, 1});
    if (most > 0 && need > most)
      fail(Fault::usage, "--depth {} and {} tokens more pass the context the model was made for ({})",
           o.depth, need - o.depth, most);
    state = model.make_state(cpu_device(), 1, need, o.model.kv_type());
    Random random(1);
    for (int64_t i = 0; i < need; ++i)
      ids.push_back(static_cast<int32_t>(random.below(static_cast<uint32_t>(model.size().vocab))));
  }

  void take_input() {
    input = model.sample_input(cpu_device(), o.prompt, o.batch);
    Random random(1);
    for (int32_t& id : input.text.tokens)
      id = static_cast<int32_t>(random.below(static_cast<uint32_t>(model.size().vocab)));
  }
  int64_t input_size() const { return input.text.tokens.empty() ? o.batch : input.text.size(); }
  double time_encoding() {
    const double start = now();
    model.encode(cx, input, {});
    return now() - start;
  }
  void count_encoding(Series& s, const Machine& machine) {
    Trace trace;
    cx.trace = &trace;
    model.encode(cx, input, {});
    cx.trace = nullptr;
    s.cost = trace.total();
    for (const TraceEvent& e : trace.events) s.roofline += predict(machine, e).roofline;
  }

  void feed(int64_t from, int64_t to, int64_t step, bool generated = false) {
    for (int64_t at = from; at < to; at += step) {
      Batch batch = Batch::one({ids.begin() + at, ids.begin() + std::min(to, at + step)}, true);
      batch.generated = generated;
      model.forward(cx, batch, state.get());
    }
  }
  // The past is computed once; each repeat goes back to it.
  void rewind() {
    if (state->can_truncate() && state->length(0) >= o.depth) return state->truncate(0, o.depth);
    state->truncate(0, 0);
    feed(0, o.depth, o.chunk);
  }
  double time_prompt() {
    rewind();
    const double start = now();
    feed(o.depth, o.depth + o.prompt, o.chunk);
    return now() - start;
  }
  double time_generation() {
    rewind();
    const double start = now();
    feed(o.depth, o.depth + o.tokens, 1, true);
    return now() - start;
  }
  // The operations of one repeat, counted while it runs once, which warms up too. Decode steps cost the same
  // but for the keys they read: the middle one stands for all.
  void count(Series& s, bool prompt, const Machine& machine) {
    rewind();
    const int64_t middle = o.depth + (prompt ? 0 : o.tokens / 2);
    if (!prompt) feed(o.depth, middle, 1, true);
    Trace trace;
    cx.trace = &trace;
    feed(middle, prompt ? o.depth + o.prompt : middle + 1, prompt ? o.chunk : 1, !prompt);
    cx.trace = nullptr;
    const int64_t times = prompt ? 1 : o.tokens;
    s.cost = trace.total();
    for (const TraceEvent& e : trace.events) s.roofline += predict(machine, e).roofline;
    s.roofline *= static_cast<double>(times);
    s.cost.flops *= times, s.cost.read *= times, s.cost.written *= times, s.cost.weights *= times;
  }
};

OrderedJson series_json(const Series& s) {
  const double t = s.median();
  return {{"test", s.name},
          {"tokens", s.tokens},
          {"tokens_per_second", s.rate()},
          {"spread", s.spread()},
          {"seconds", s.seconds},
          {"median_seconds", t},
          {"flops", s.cost.flops},
          {"bytes", s.cost.bytes()},
          {"weight_bytes", s.cost.weights},
          {"gflops_per_second", static_cast<double>(s.cost.flops) / t / 1e9},
          {"weight_gb_per_second", static_cast<double>(s.cost.weights) / t / 1e9},
          {"gb_per_second", static_cast<double>(s.cost.bytes()) / t / 1e9},
          {"roofline_seconds", s.roofline},
          {"percent_of_roofline", 100 * s.roofline / t}};
}

void print_series(const Series& s) {
  const double t = s.median();
  fmt::print("{:<12} {:>7} {:>11.2f} ± {:<5.1f}% {:>10.1f} {:>10.2f} {:>10.2f} {:>11.1f} %\n", s.name,
             s.tokens, s.rate(), 100 * s.spread(), static_cast<double>(s.cost.flops) / t / 1e9,
             static_cast<double>(s.cost.weights) / t / 1e9, static_cast<double>(s.cost.bytes()) / t / 1e9,
             100 * s.roofline / t);
}

int bench(const BenchCommand& o) {
  if (o.prompt == 0 && o.tokens == 0) fail(Fault::usage, "-p 0 and -n 0 leave nothing to time");
  if (!o.random.empty() && !o.model.model.empty())
    fail(Fault::usage, "--random {} and a MODEL exclude each other", printable(o.random));
  std::string name;
  std::unique_ptr<Model> model;
  std::optional<Checkpoint> checkpoint;  // keeps the mapping
  if (o.random.empty()) {
    name = o.model.path();
    checkpoint = Checkpoint::open(name);
    model = load_model(*checkpoint);
  } else {
    model = random_model_of(o.random, o.type);
    name = fmt::format("{} of random {}", o.random, o.type);
  }
  ContextOptions c = o.model.context_options();
  c.exact = o.exact;
  Machine machine = find_machine(o.machine);
  const bool encoder = model->kind() == ModelKind::encoder;
  if (encoder && (o.depth > 0 || (o.tokens_given() && o.tokens > 0)))
    fail(Fault::usage, "{}: an encoder writes nothing and remembers nothing: leave out -n and --depth", name);
  if (!encoder && o.batch_given()) fail(Fault::usage, "{}: --batch is for encoders", name);
  Bench b(o, *model, c);
  std::vector<Series> all;
  if (encoder) all.push_back({"encode", b.input_size()});
  if (!encoder && o.prompt > 0) all.push_back({"prompt", o.prompt});
  if (!encoder && o.tokens > 0) all.push_back({"generation", o.tokens});
  ProgressBar bar("runs");
  const int64_t runs = static_cast<int64_t>(all.size()) * (o.repeats + 1);
  int64_t done = 0;
  for (Series& s : all) {
    if (encoder)
      b.count_encoding(s, machine);
    else
      b.count(s, &s == &all[0] && o.prompt > 0, machine);
    bar.show(++done, runs);
  }
  // In turn, so that a machine that grows slower or faster does so for both.
  for (int r = 0; r < o.repeats; ++r)
    for (Series& s : all) {
      s.seconds.push_back(encoder                         ? b.time_encoding()
                          : &s == &all[0] && o.prompt > 0 ? b.time_prompt()
                                                          : b.time_generation());
      bar.show(++done, runs);
    }
  bar.finish();
  const WeightCount w = count_weights(*model);
  if (o.model.json) {
    OrderedJson tests = OrderedJson::array();
    for (const Series& s : all) tests.push_back(series_json(s));
    print_json({{"model", name},
                {"architecture", model->info->name},
                {"parameters", w.parameters},
                {"weight_bytes", w.bytes},
                {"threads", b.cx.threads()},
                {"depth", o.depth},
                {"batch", encoder ? o.batch : 1},
                {"activation_bytes", b.cx.arena_peak()},
                {"repeats", o.repeats},
                {"kv", o.model.kv},
                {"processor", cpu_info().model},
                {"machine", OrderedJson::parse(machine_json(machine).dump())},
                {"tests", tests}});
    return 0;
  }
  fmt::print("{}: {}, {} parameters, {} of weights; {} threads on {}\n", name, model->info->name,
             count_text(static_cast<double>(w.parameters), ""), bytes_text(static_cast<double>(w.bytes)),
             b.cx.threads(), cpu_info().model);
  fmt::print("{:<12} {:>7} {:>11}   {:<6} {:>10} {:>10} {:>10} {:>13}\n", "test", "tokens", "tok/s", "spread",
             "Gflop/s", "weights", "all GB/s", "of roofline");
  for (const Series& s : all) print_series(s);
  fmt::print("median of {} runs{}; spread: half the distance between quartiles; roofline: {}, {:.1f} GB/s\n",
             o.repeats, o.depth ? fmt::format(" at depth {}", o.depth) : "", machine.source,
             machine.bandwidth / 1e9);
  return 0;
}

}  // namespace
namespace tables {
extern const Command command_bench;
const Command command_bench{"bench",
                            "prompt and generation speed, and what share of the machine's roofline that is",
                            "Feeds random tokens, warms up, repeats, and prints the median. Weights: GB/s of "
                            "weights read. The roofline is the time "
                            "that the same operations would take at the machine's peak rate and memory "
                            "bandwidth: from `ridge calibrate` where it "
                            "has run, else measured in two seconds.",
                            kMeasureGroup,
                            "ridge bench -p 64 -n 16 -r 3\n"
                            "ridge bench model.gguf -p 512 -n 128 -t 2 -r 5 --depth 256\n"
                            "ridge bench --random llama-1.1b --type q4_0 --json\n"
                            "ridge bench --random bert-base --type f32 -p 128 -b 8",
                            [](Options& o) -> CommandRun {
                              auto options = std::make_shared<BenchCommand>();
                              options->add(o);
                              return [options] { return bench(*options); };
                            }};
}  // namespace tables
}  // namespace ridge
