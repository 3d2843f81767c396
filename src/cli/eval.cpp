// ridge eval: perplexity of a text.
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "cli/model_support.h"
#include "cli/progress_support.h"
#include "engine/evaluate.h"

namespace ridge {
namespace {

struct EvalCommand {
  ModelOptions model;
  std::string text, score = "all";
  int64_t windows = -1;
  bool fast = false;

  void add(Options& o) {
    model.add_model(o, " (default: the one that Ridge comes with)");
    o.text(text, "--text", "FILE", "the text; - reads standard input", Options::Hint::file);
    o.choice(score, "--score", {"all", "second-half"}, "WHICH",
             "tokens of each window that are scored; in the second half all have a long past");
    o.integer(windows, "--windows", -1, int64_t{1} << 31, "N", "stop after N windows; -1: all");
    model.context = 512;
    model.add_state(o, "f32", "tokens of a window");
    o.flag(fast, "--fast",
           "allow kernels that round activations, as `ridge run` does (default: exact numbers)");
    model.add_machine(o);
    model.add_json(o);
  }
};

void print_result(const EvalResult& r, const EvalCommand& o) {
  fmt::print("perplexity     {:.4f} ± {:.4f}\n", r.ppl, r.ppl_error);
  fmt::print("nll            {:.6f} ± {:.6f} nats a token\n", r.nll, r.nll_error);
  fmt::print("bits per byte  {:.4f}\n", r.bits_per_byte);
  fmt::print("scored         {} tokens ({}) in {} windows of {}\n", r.tokens_scored, o.score, r.windows,
             o.model.context);
  fmt::print("text           {} tokens, {} bytes\n", r.tokens, r.bytes);
  fmt::print("time           {:.1f} s, {:.0f} tokens/s\n", r.seconds,
             static_cast<double>(r.windows * o.model.context) / std::max(r.seconds, 1e-9));
}

int eval(const EvalCommand& o) {
  if (o.text.empty()) fail(Fault::usage, "--text is missing: a file to take the perplexity of");
  if (o.model.context < 2)
    fail(Fault::usage, "--context: a window of {} tokens is too short", o.model.context);
  const std::string path = o.model.path();
  const OpenedModel opened = open_model(path);
  const std::string text = read_input(o.text);
  const std::vector<int32_t> ids = opened.text().encode(text, {false, false});
  EvalOptions options;
  options.window = o.model.context;
  options.second_half = o.score == "second-half";
  options.bos = opened.text().special().bos.value_or(-1);
  options.most_windows = o.windows;
  options.context = o.model.context_options();
  options.context.exact = !o.fast;
  options.kv = o.model.kv_type();
  InterruptFlag interrupt;
  options.cancel = interrupt.flag();
  ProgressBar bar("windows");
  options.progress = [&](int64_t done, int64_t all, double nll) {
    bar.show(done, all, fmt::format("perplexity {:.3f}", std::exp(nll)));
  };
  const EvalResult r = evaluate(*opened.model, ids, static_cast<int64_t>(text.size()), options);
  bar.finish();
  if (r.tokens_scored == 0) fail(Fault::check, "interrupted before the first window");
  if (o.model.json)
    print_json({{"model", path},
                {"text", o.text},
                {"window", o.model.context},
                {"score", o.score},
                {"exact", !o.fast},
                {"nll", r.nll},
                {"nll_error", r.nll_error},
                {"ppl", r.ppl},
                {"ppl_error", r.ppl_error},
                {"bits_per_byte", r.bits_per_byte},
                {"tokens_scored", r.tokens_scored},
                {"windows", r.windows},
                {"tokens", r.tokens},
                {"bytes", r.bytes},
                {"seconds", r.seconds},
                {"complete", !r.cancelled}});
  else
    print_result(r, o);
  if (r.cancelled) fmt::print(stderr, "interrupted: these are the figures of the windows done\n");
  return r.cancelled ? static_cast<int>(Fault::check) : 0;
}

}  // namespace
namespace tables {
extern const Command command_eval;
const Command command_eval{
    "eval",
    "perplexity of a text, with its error bar and bits per byte",
    "The text is tokenized whole, without special tokens, and cut into windows of -c tokens that do not "
    "overlap, each with "
    "BOS as its first token where the vocabulary has one; a last incomplete window is left out. The error "
    "bar is the "
    "standard error of the mean over tokens. Bits per byte take the tokens of the whole text per byte of it.",
    kMeasureGroup,
    "ridge eval --text tests/data/texts/fable.txt -c 128\n"
    "ridge eval model.gguf --text wiki.test.raw -c 512 --score second-half\n"
    "ridge eval model.gguf --text wiki.test.raw --fast --json",
    [](Options& o) -> CommandRun {
      auto options = std::make_shared<EvalCommand>();
      options->add(o);
      return [options] { return eval(*options); };
    }};
}  // namespace tables
}  // namespace ridge
