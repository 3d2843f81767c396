#include "cli/model_support.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <random>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/plan_support.h"
#include "models/load.h"

namespace ridge {
namespace {

std::atomic<bool> g_interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set by a signal handler");

void on_interrupt(int) {
  if (g_interrupted.exchange(true)) _exit(130);
}
void on_interrupt_gently(int) { g_interrupted = true; }

}  // namespace

void ModelOptions::add_model(Options& o, const std::string& help_tail) {
  o.argument(model, "MODEL", "GGUF file, Hugging Face folder or llama2.c .bin" + help_tail, false,
             Options::Hint::model);
}

void ModelOptions::add_machine(Options& o) {
  o.integer(threads, "-t,--threads", 0, 1024, "N", "threads (default: one a core)");
  o.text(kernels, "--kernel", "OP=NAME,...", "take these kernels and no others; see `ridge kernels`");
}

void ModelOptions::add_state(Options& o, const std::string& kv_initial, const std::string& context_help) {
  kv = kv_initial;
  o.integer(context, "-c,--context", 0, int64_t{1} << 31, "N", context_help);
  o.choice(kv, "--kv", {"f32", "f16", "bf16"}, "TYPE", "format of keys and values");
}

void ModelOptions::add_json(Options& o) { o.flag(json, "--json", "print figures as JSON"); }

std::string default_model() {
  namespace fs = std::filesystem;
  if (const char* named = std::getenv("RIDGE_MODEL"); named && *named) return named;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    const fs::path installed = program.parent_path() / "../share/ridge/fable-7m.gguf";
    if (fs::exists(installed, error)) return fs::weakly_canonical(installed, error).string();
  }
  const fs::path source = fs::path(RIDGE_SOURCE_ASSETS) / "fable-7m.gguf";
  return fs::exists(source, error) ? source.string() : "";
}

std::string ModelOptions::path() const {
  if (!model.empty()) return model;
  const std::string path = default_model();
  if (path.empty())
    fail(Fault::usage,
         "no MODEL given, and the model that Ridge comes with (fable-7m.gguf) is not installed; name a model "
         "or set "
         "RIDGE_MODEL");
  return path;
}

ContextOptions ModelOptions::context_options() const {
  ContextOptions c;
  c.threads = threads;
  c.kernels = parse_kernel_choice(kernels);
  return c;
}

DType ModelOptions::kv_type() const { return kv_format(kv); }

void SamplingOptions::add(Options& o) {
  auto& s = sampler;
  o.real(s.temperature, "--temperature", 0, 100, "X",
         "below 1 surer, above 1 more surprising; 0 takes the likeliest");
  o.integer(s.top_k, "--top-k", 0, 1 << 24, "N", "choose among the N likeliest tokens; 0: all");
  o.real(s.top_p, "--top-p", 0, 1, "P", "choose among the likeliest tokens that hold probability P");
  o.real(s.min_p, "--min-p", 0, 1, "P", "choose among tokens at least P times as likely as the likeliest");
  o.real(s.repeat_penalty, "--repeat-penalty", 0.01, 100, "X", "makes recent tokens less likely; 1: off");
  o.integer(s.repeat_last, "--repeat-last", -1, int64_t{1} << 31, "N",
            "tokens that --repeat-penalty looks back; -1: all");
  o.integer(s.seed, "--seed", "N",
            "the same seed gives the same text (default: a fresh one, which is printed)");
  seed_given = o.given("--seed");
}

SamplerOptions SamplingOptions::resolved() const {
  SamplerOptions s = sampler;
  if (!seed_given()) s.seed = std::random_device{}();
  return s;
}

std::vector<int32_t> extra_ends(const OpenedModel& opened) {
  const auto bos = opened.text().special().bos;
  if (opened.checkpoint.layout() == Checkpoint::Layout::llama2c && bos) return {*bos};
  return {};
}

InterruptFlag::InterruptFlag(Second second) {
  g_interrupted = false;
  struct sigaction action {};
  action.sa_handler = second == Second::ends ? on_interrupt : on_interrupt_gently;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
}
InterruptFlag::~InterruptFlag() { std::signal(SIGINT, SIG_DFL); }
const std::atomic<bool>* InterruptFlag::flag() const { return &g_interrupted; }
void InterruptFlag::clear() { g_interrupted = false; }

std::string read_input(const std::string& path) {
  if (path != "-") return read_file(path);
  std::string text;
  char buffer[1 << 16];
  for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, stdin)) > 0;) {
    text.append(buffer, n);
    if (text.size() > size_t{1} << 30) fail(Fault::usage, "standard input has more than 1 GiB");
  }
  if (std::ferror(stdin)) fail(Fault::file, "standard input cannot be read");
  return text;
}

void print_json(const OrderedJson& j) {
  fmt::print("{}\n", j.dump(2, ' ', false, OrderedJson::error_handler_t::replace));
}

OrderedJson template_variables(const std::vector<std::string>& pairs) {
  OrderedJson v = OrderedJson::object();
  for (const std::string& pair : pairs) {
    const size_t equals = pair.find('=');
    if (equals == 0 || equals == std::string::npos)
      fail(Fault::usage, "--variable {}: not NAME=VALUE", printable(pair));
    const std::string text = pair.substr(equals + 1);
    try {
      v[pair.substr(0, equals)] = parse_ordered_json(text, "--variable");
    } catch (const Error&) {
      v[pair.substr(0, equals)] = text;
    }
  }
  return v;
}

int64_t decode_weight_bytes(Model& model) {
  const WeightCount c = count_weights(model);
  return c.bytes;
}

}  // namespace ridge
